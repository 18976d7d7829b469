"""The two sides: `llama_crf_ner` in a spaCy pipeline, and transformers' `LlamaForTokenClassification` with peft.

Both have the backbone's weights in bfloat16 and compute under autocast; what is trained is float32. Rank, scale and
dropout of the adapters, learning rate, weight decay and the limit of the gradient's norm are those of
configs/llama-3.2-1b.cfg; a word's last piece stands for it. Ours has a compound loss with a CRF, theirs
a cross-entropy.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import spacy
import torch
from peft import LoraConfig, get_peft_model
from sentences import Sentence
from spacy.tokens import Doc
from spacy.training import Example
from spacy.util import load_config, load_model_from_config
from thinc.api import get_torch_default_device
from transformers import AutoTokenizer, LlamaForTokenClassification
from transformers.utils import logging

from spacy_llama_ner.network.tags import tag_names

RECIPE = Path(__file__).parents[2] / "configs" / "llama-3.2-1b.cfg"
PIPE = "llama_crf_ner"
OURS, THEIRS = "ours", "theirs"
IGNORED = -100  # transformers' label of a piece that does not count
# The same on both sides, from the recipe.
SETTINGS = load_config(RECIPE)
MODEL, OPTIMIZER = SETTINGS["components"][PIPE]["model"], SETTINGS["training"]["optimizer"]
DROPOUT = SETTINGS["training"]["dropout"]
LABELS = SETTINGS["initialize"]["components"][PIPE]["labels"]


@dataclass(frozen=True)
class Cell:
    """One way to train.

    side (str): OURS or THEIRS.
    attention (str): "causal" or "bidirectional".
    unfrozen (int): Train so many layers, from the last; 0 for LoRA in all.
    checkpointing (bool): Whether layers are computed again in the backward pass.
    """

    side: str
    attention: str = "causal"
    unfrozen: int = 0
    checkpointing: bool = False


class Side(Protocol):
    """What is timed, and what is not."""

    def prepare(self, batch: list[Sentence]) -> Any:
        """RETURNS (Any): What `train` takes, made of words; its pieces are not known yet. Not timed."""

    def train(self, prepared: Any) -> None:
        """Do an optimizer step, from words on."""

    def read(self, batch: list[Sentence]) -> list[Any]:
        """RETURNS (List[Any]): What is found in each sentence."""


def make_side(cell: Cell, backbone: Path) -> Side:
    """RETURNS (Side): With new adapters and head, on the device that spaCy uses."""
    return Ours(cell, backbone) if cell.side == OURS else Theirs(cell, backbone)


class Ours:
    """A pipeline with `llama_crf_ner`, by the recipe; it reads raw text.

    cell (Cell): How it trains.
    backbone (Path): A Hugging Face folder.
    """

    def __init__(self, cell: Cell, backbone: Path) -> None:
        changes = {
            "attention": cell.attention,
            "gradient_checkpointing": cell.checkpointing,
            "unfreeze_layers": cell.unfrozen,
            "peft": None if cell.unfrozen else MODEL["peft"],
            "backbone.name": str(backbone.resolve()),
        }
        overrides = {f"components.{PIPE}.model.{name}": value for name, value in changes.items()}
        self.nlp = load_model_from_config(load_config(RECIPE, overrides=overrides, interpolate=True))
        self.optimizer = self.nlp.initialize()

    def prepare(self, batch: list[Sentence]) -> list[Example]:
        """RETURNS (List[Example]): As spaCy's reader of a corpus makes them."""
        return [
            Example(
                Doc(self.nlp.vocab, sentence.words, sentence.spaces),
                Doc(self.nlp.vocab, sentence.words, sentence.spaces, ents=sentence.tags),
            )
            for sentence in batch
        ]

    def train(self, prepared: list[Example]) -> None:
        """Do an optimizer step by `nlp.update`, as spaCy's training loop does."""
        self.nlp.update(prepared, sgd=self.optimizer, drop=DROPOUT)

    def read(self, batch: list[Sentence]) -> list[Doc]:
        """RETURNS (List[Doc]): By `nlp.pipe` over texts: tokens, pieces, tags, entities and their scores."""
        return list(self.nlp.pipe(sentence.text for sentence in batch))


class Theirs:
    """`LlamaForTokenClassification` with peft's LoRA, causal as it is; it reads words that are already split.

    cell (Cell): How it trains.
    backbone (Path): A Hugging Face folder.
    """

    def __init__(self, cell: Cell, backbone: Path) -> None:
        if cell.attention != "causal" or cell.unfrozen:
            raise ValueError(f"expected causal attention and LoRA on their side, got {cell}")
        self.tokenizer = AutoTokenizer.from_pretrained(backbone)
        self.tokenizer.pad_token = self.tokenizer.eos_token  # Llama has none; padding is masked
        self.device = get_torch_default_device()
        model = _load_classifier(backbone).to(self.device)
        if cell.checkpointing:
            model.gradient_checkpointing_enable({"use_reentrant": False})
        config = LoraConfig(
            task_type="TOKEN_CLS",
            r=MODEL["lora_rank"],
            lora_alpha=MODEL["lora_alpha"],
            lora_dropout=MODEL["lora_dropout"],
            target_modules=MODEL["lora_target_modules"],
        )
        self.model = get_peft_model(model, config)
        self.trained = [weight for weight in self.model.parameters() if weight.requires_grad]
        for weight in self.trained:
            weight.data = weight.data.float()  # the head; the adapters are so already
        self.optimizer = torch.optim.AdamW(
            self.trained, lr=OPTIMIZER["learn_rate"], weight_decay=OPTIMIZER["L2"]
        )

    def prepare(self, batch: list[Sentence]) -> tuple[list[list[str]], list[list[int]]]:
        """RETURNS (Tuple[List[List[str]], List[List[int]]]): Words, with the space before each, and tag ids."""
        ids = {name: number for number, name in enumerate(tag_names(LABELS))}
        return [sentence.spaced_words for sentence in batch], [
            [ids[tag] for tag in sentence.tags] for sentence in batch
        ]

    def train(self, prepared: tuple[list[list[str]], list[list[int]]]) -> None:
        """Do an optimizer step, as transformers' `Trainer` does."""
        words, tags = prepared
        inputs, pieces = self.encode(words)
        labels = torch.full(inputs["input_ids"].shape, IGNORED)
        for row, (places, row_tags) in enumerate(zip(pieces, tags, strict=True)):
            labels[row, places] = torch.tensor(row_tags)
        self.model.train()
        with torch.autocast(self.device.type, dtype=torch.bfloat16):
            loss = self.model(**inputs, labels=labels.to(self.device), use_cache=False).loss
        if not torch.isfinite(loss):  # the trainer looks at each step, too
            raise ValueError(f"the loss became {loss.item()}")
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.trained, MODEL["max_grad_norm"])
        self.optimizer.step()
        self.optimizer.zero_grad()

    @torch.inference_mode()
    def read(self, batch: list[Sentence]) -> list[list[int]]:
        """RETURNS (List[List[int]]): The likeliest tag of each word."""
        inputs, pieces = self.encode([sentence.spaced_words for sentence in batch])
        self.model.eval()
        with torch.autocast(self.device.type, dtype=torch.bfloat16):
            logits = self.model(**inputs, use_cache=False).logits  # (B, P, K)
        found = logits.argmax(dim=2).tolist()
        return [[row[place] for place in places] for row, places in zip(found, pieces, strict=True)]

    def encode(self, words: list[list[str]]) -> tuple[Any, list[list[int]]]:
        """Turn words into pieces.

        words (List[List[str]]): B sentences, each word with the space before it.
        RETURNS (Tuple[BatchEncoding, List[List[int]]]): Padded tensors of shape (B, P) on the device, and the place of
            each word's last piece.
        """
        encoded = self.tokenizer(
            words, is_split_into_words=True, padding=True, return_tensors="pt", return_token_type_ids=False
        )
        pieces = []
        for row in range(len(words)):
            # A later piece of the same word takes the place of the one before.
            last = {word: place for place, word in enumerate(encoded.word_ids(row)) if word is not None}
            pieces.append(list(last.values()))
        return encoded.to(self.device), pieces


def use_device(gpu_id: int) -> None:
    """Let both sides use a GPU, CuPy's memory being torch's; or the CPU.

    gpu_id (int): The GPU, or -1 for the CPU.
    RAISES (ValueError): If there is no such GPU, or no CuPy.
    """
    if gpu_id < 0:
        spacy.require_cpu()
        return
    from thinc.api import set_gpu_allocator

    spacy.require_gpu(gpu_id)
    set_gpu_allocator("pytorch")


def _load_classifier(backbone: Path) -> LlamaForTokenClassification:
    before = logging.get_verbosity()
    logging.set_verbosity_error()  # it warns of the new head
    try:
        return LlamaForTokenClassification.from_pretrained(
            backbone, num_labels=len(tag_names(LABELS)), torch_dtype=torch.bfloat16
        )
    finally:
        logging.set_verbosity(before)
