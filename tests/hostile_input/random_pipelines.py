"""Pipelines that find entities everywhere: random heads on tiny backbones and on the one that is shipped."""

import shutil
from functools import cache
from pathlib import Path

import spacy
import torch
from spacy.language import Language
from spacy.util import fix_random_seed
from tiny_models import TEXT
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from spacy_llama_ner.network.tags import begin_tag, inside_tag

PIPE = "llama_crf_ner"
LABELS = ["PER", "ORG", "LOC", "MISC"]
SAMPLE = "Anna Kovac of Northgate Steel said on 3 May: “Berlin’s mayor, Dr. Åsa Łuk, will visit us!”"
EMISSION_SIZE = 6.0  # standard deviation of the emissions, in nats
SPAN_GETTERS = {
    "default": {"@span_getters": "spacy-transformers.strided_spans.v1", "window": 128, "stride": 96},
    "strided": {"@span_getters": "spacy-transformers.strided_spans.v1", "window": 16, "stride": 12},
    "sentences": {"@span_getters": "spacy-transformers.sent_spans.v1"},
    "docs": {"@span_getters": "spacy-transformers.doc_spans.v1"},
}


class Pipelines:
    """Make pipelines, each once.

    folders (Dict[str, Path]): The backbones: "llama" (byte-level BPE), "bert" (WordPiece that lowercases, strips
        accents and drops control characters), "unigram" (NFKC, and special pieces that its model knows as words),
        "llama-mini" (the one that is shipped).
    """

    def __init__(self, folders: dict[str, Path]) -> None:
        self.folders = folders
        self.get = cache(self.make)

    def make(
        self,
        backbone: str = "llama",
        *,
        attention: str = "bidirectional",
        pooling: str = "last",
        spans: str = "strided",
        max_window_pieces: int = 40,
        max_batch_pieces: int = 400,
        overwrite: bool = True,
    ) -> Language:
        """Make a pipeline; by default with windows and batches so small that most Docs are parted.

        It overwrites the entities that a Doc has, so that all of them have scores.
        """
        fix_random_seed(0)
        nlp = spacy.blank("en")
        nlp.max_length = 10**8
        nlp.add_pipe("sentencizer")  # for the getter of sentences
        model = {
            "attention": attention,
            "pooling": pooling,
            "lora_rank": 4,
            "max_window_pieces": max_window_pieces,
            "max_batch_pieces": max_batch_pieces,
            "get_spans": SPAN_GETTERS[spans],
            "backbone": {
                "@misc": "spacy_llama_ner.HuggingFaceBackbone.v1",
                "name": str(self.folders[backbone]),
            },
        }
        if backbone == "bert":
            model["lora_target_modules"] = ["query", "value"]
        pipe = nlp.add_pipe(PIPE, config={"model": model, "overwrite": overwrite})
        for label in LABELS:
            pipe.add_label(label)
        nlp.initialize()
        randomize(nlp)
        return nlp


def randomize(nlp: Language, *, seed: int = 0) -> None:
    """Give adapters, head and CRF random weights, so that entities of all labels come out everywhere.

    On a sample the emissions of each tag are centred and scaled: random states have much in common, and without
    that one tag would win everywhere. Long entities are favoured.
    """
    pipe = nlp.get_pipe(PIPE)
    network = pipe.shim.network
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, weight in network.named_parameters():
            if "lora_B" in name:
                weight.normal_(0.0, 0.05, generator=generator)
            elif name.startswith(("head.", "crf.")):
                weight.normal_(0.0, 1.0, generator=generator)
        for label in range(len(LABELS)):
            for tag in (begin_tag(label), inside_tag(label)):
                network.crf.transitions[tag, inside_tag(label)] += EMISSION_SIZE / 2
        network.head.bias.zero_()
        sample = nlp.get_pipe("sentencizer")(nlp.make_doc(SAMPLE))
        emissions = torch.from_numpy(pipe.model.predict([sample])[0])
        scale = EMISSION_SIZE / emissions.std(dim=0)  # (K,)
        network.head.weight.mul_(scale.unsqueeze(1))
        network.head.bias.copy_(-emissions.mean(dim=0) * scale)


def make_unigram_llama(folder: Path, *, llama: Path) -> Path:
    """Write the tiny Llama with a tokenizer whose model knows its special pieces as words, as XLM-RoBERTa's does."""
    shutil.copytree(llama, folder, dirs_exist_ok=True)
    special = ["<s>", "</s>", "<unk>", "<pad>", "<|eot_id|>"]
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=100, special_tokens=special, unk_token="<unk>", show_progress=False
    )
    tokenizer.train_from_iterator(TEXT, trainer)
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", unk_token="<unk>", pad_token="<pad>"
    ).save_pretrained(str(folder))
    return folder
