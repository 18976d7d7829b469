"""What the two sides of `bench training` share, and ours; `training_trainer` has theirs, `Trainer` with peft's LoRA.

Both freeze the same backbone and train adapters of the same rank in the same layers, with the same dropout, learning
rate, weight decay and limit of the gradient's norm; a word's last piece stands for it. Ours has a compound loss with a
CRF and thinc's Adam, theirs a cross-entropy and AdamW. Each starts an epoch from words: pieces are made inside of it.
"""

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from peft import LoraConfig, PeftModel
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from spacy.util import minibatch
from thinc.api import Adam

from spacy_llama_ner.corpus.article import Sentence
from spacy_llama_ner.corpus.spacing import natural_spaces
from spacy_llama_ner.pipeline.component import LlamaCrfNer

PIPE = "llama_crf_ner"
ALPHA, LORA_DROPOUT, DROPOUT = 32, 0.05, 0.1
LEARN_RATE, WEIGHT_DECAY, MAX_GRAD_NORM = 1e-3, 0.01, 1.0
MAX_PIECES = 256  # of a window of ours, and of a text of theirs

Batcher = Callable[[Iterable[Example]], Iterable[list[Example]]]


@dataclass(frozen=True)
class Recipe:
    """What both sides have in common.

    backbone (str): A Hugging Face folder or name.
    labels (Sequence[str]): Entity labels.
    batch_size (int): Sentences of an optimizer step.
    rank (int): Of the adapters.
    targets (str | Sequence[str]): Which linear layers get one; see `NetworkSettings.lora_target_modules`.
    dtype (str): "float32", or "bfloat16": frozen weights in it, and autocast.
    attention (str): Of our side; theirs is as the backbone is.
    """

    backbone: str
    labels: Sequence[str]
    batch_size: int = 16
    rank: int = 16
    targets: str | Sequence[str] = "all-linear"
    dtype: str = "float32"
    attention: str = "causal"


class Ours:
    """A spaCy pipeline with `llama_crf_ner`, trained by `nlp.update` in batches of shuffled sentences.

    recipe (Recipe): What it has in common with the other side.
    sentences (Sequence[Sentence]): What it trains on.
    batcher (Batcher | None): Makes the batches of the shuffled examples; by default each takes the next ones.
    settings (dict): Further settings of `spacy_llama_ner.LlamaCrfTagger.v1`.
    """

    def __init__(
        self,
        recipe: Recipe,
        sentences: Sequence[Sentence],
        *,
        batcher: Batcher | None = None,
        settings: dict[str, Any] | None = None,
    ) -> None:
        import spacy

        model = {
            "attention": recipe.attention,
            "lora_rank": recipe.rank,
            "lora_alpha": ALPHA,
            "lora_dropout": LORA_DROPOUT,
            "lora_target_modules": recipe.targets,
            "max_window_pieces": MAX_PIECES,
            "max_grad_norm": MAX_GRAD_NORM,
            "backbone": {
                "@misc": "spacy_llama_ner.HuggingFaceBackbone.v1",
                "name": recipe.backbone,
                "dtype": recipe.dtype,
            },
            **(settings or {}),
        }
        self.nlp: Language = spacy.blank("en")
        self.pipe = cast(LlamaCrfNer, self.nlp.add_pipe(PIPE, config={"model": model}))
        self.gold = [
            Doc(
                self.nlp.vocab,
                words=list(sentence.words),
                spaces=natural_spaces(sentence.words),
                ents=list(sentence.tags),
            )
            for sentence in sentences
        ]
        self.pipe.initialize(self.examples, nlp=self.nlp, labels=recipe.labels)
        self.optimizer = Adam(LEARN_RATE, L2=WEIGHT_DECAY, L2_is_weight_decay=True, grad_clip=0.0)
        self.batcher = batcher or (lambda examples: minibatch(examples, recipe.batch_size))
        self.random = random.Random(0)

    def examples(self) -> list[Example]:
        """RETURNS (list[Example]): As spaCy's reader of a corpus makes them, once an epoch."""
        return [
            Example(Doc(self.nlp.vocab, [t.text for t in doc], [bool(t.whitespace_) for t in doc]), doc)
            for doc in self.gold
        ]

    def epoch(self) -> None:
        """Train on every sentence once, as spaCy's training loop does."""
        examples = self.examples()
        self.random.shuffle(examples)
        for batch in self.batcher(examples):
            self.nlp.update(batch, sgd=self.optimizer, drop=DROPOUT)

    @property
    def trunk(self) -> torch.nn.Module:
        """The backbone, with its adapters."""
        return self.pipe.shim.network.trunk

    def adapted(self) -> list[str]:
        """RETURNS (list[str]): The names by which peft found the layers that have adapters."""
        backbone = cast(PeftModel, self.pipe.shim.network.backbone)
        return sorted(cast(LoraConfig, backbone.peft_config["default"]).target_modules or ())

    def trained_weights(self) -> int:
        """RETURNS (int): How many numbers the adapters have."""
        named = self.pipe.shim.network.named_parameters()
        return sum(weight.numel() for name, weight in named if ".lora_" in name)
