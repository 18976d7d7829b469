"""The other side of `bench training`: transformers' `Trainer` with peft's LoRA."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import torch
from peft import LoraConfig, TaskType, get_peft_model
from transformers import (
    AutoModelForTokenClassification,
    AutoTokenizer,
    DataCollatorForTokenClassification,
    PreTrainedModel,
    PrinterCallback,
    Trainer,
    TrainingArguments,
)
from transformers.utils import logging

from spacy_llama_ner.benchmark.training_sides import (
    ALPHA,
    LEARN_RATE,
    LORA_DROPOUT,
    MAX_GRAD_NORM,
    MAX_PIECES,
    WEIGHT_DECAY,
    Recipe,
)
from spacy_llama_ner.corpus.article import Sentence
from spacy_llama_ner.corpus.spacing import natural_spaces
from spacy_llama_ner.network.tags import tag_names

IGNORED = -100  # transformers' label of a piece that does not count


class Theirs:
    """`AutoModelForTokenClassification` with peft's LoRA, trained by `Trainer` as it is by default.

    Random batches, padded to the longest text by `DataCollatorForTokenClassification`.

    recipe (Recipe): What it has in common with the other side.
    sentences (Sequence[Sentence]): What it trains on.
    adapted (Sequence[str]): See `Ours.adapted`.
    work (Path): A folder that may be filled.
    """

    def __init__(
        self, recipe: Recipe, sentences: Sequence[Sentence], *, adapted: Sequence[str], work: Path
    ) -> None:
        tags = {name: number for number, name in enumerate(tag_names(recipe.labels))}
        tokenizer = AutoTokenizer.from_pretrained(recipe.backbone)
        if tokenizer.pad_token is None:  # Llama's has none; padding is masked
            tokenizer.pad_token = tokenizer.eos_token
        config = LoraConfig(
            task_type=TaskType.TOKEN_CLS,
            r=recipe.rank,
            lora_alpha=ALPHA,
            lora_dropout=LORA_DROPOUT,
            target_modules=list(adapted),
        )
        self.model = get_peft_model(_load_classifier(recipe, len(tags)), config)
        for weight in self.model.parameters():
            if weight.requires_grad:
                weight.data = weight.data.float()  # the head; the adapters are so already
        arguments = TrainingArguments(
            output_dir=str(work),
            per_device_train_batch_size=recipe.batch_size,
            num_train_epochs=1,
            learning_rate=LEARN_RATE,
            weight_decay=WEIGHT_DECAY,
            max_grad_norm=MAX_GRAD_NORM,
            lr_scheduler_type="constant",
            use_cpu=True,
            bf16=recipe.dtype == "bfloat16",
            dataloader_pin_memory=False,
            remove_unused_columns=False,  # words are none of the model's inputs
            label_names=["labels"],
            save_strategy="no",
            logging_strategy="no",
            report_to="none",
            disable_tqdm=True,
        )
        trainer = Trainer(
            model=self.model,
            args=arguments,
            train_dataset=[_spaced(sentence, tags) for sentence in sentences],
            data_collator=Collator(tokenizer),
        )
        self.trainer = cast(Any, trainer)  # its methods have decorators without types
        self.trainer.remove_callback(PrinterCallback)

    @property
    def trunk(self) -> torch.nn.Module:
        """The backbone, with its adapters."""
        return cast(PreTrainedModel, self.model.get_base_model()).base_model

    def epoch(self) -> None:
        """Train on every sentence once."""
        self.trainer.train()

    def trained_weights(self) -> int:
        """RETURNS (int): How many numbers the adapters have."""
        return sum(weight.numel() for name, weight in self.model.named_parameters() if ".lora_" in name)


@dataclass
class Collator:
    """Words to a padded batch: tokenized all at once, then `DataCollatorForTokenClassification`.

    tokenizer (PreTrainedTokenizerFast): The backbone's, with a padding piece.
    """

    tokenizer: Any
    collate: DataCollatorForTokenClassification = field(init=False)

    def __post_init__(self) -> None:
        self.collate = DataCollatorForTokenClassification(self.tokenizer, label_pad_token_id=IGNORED)

    def __call__(self, rows: list[tuple[list[str], list[int]]]) -> dict[str, torch.Tensor]:
        """Make a batch.

        rows (list[tuple[list[str], list[int]]]): Words and tag ids of each sentence.
        RETURNS (dict[str, Tensor]): `input_ids`, `attention_mask` and `labels`, each of shape (B, P).
        """
        encoded = self.tokenizer(
            [words for words, _ in rows],
            is_split_into_words=True,
            truncation=True,
            max_length=MAX_PIECES,
            return_token_type_ids=False,
        )
        return self.collate(list(_features(encoded, [tags for _, tags in rows])))


def _features(encoded: Any, tags: list[list[int]]) -> Iterator[dict[str, list[int]]]:
    """YIELDS (dict): Pieces and labels of each row: a word's tag at its last piece."""
    for row, row_tags in enumerate(tags):
        words = encoded.word_ids(row)
        following = [*words[1:], None]
        labels = [
            row_tags[word] if word is not None and word != after else IGNORED
            for word, after in zip(words, following, strict=True)
        ]
        names = ("input_ids", "attention_mask")
        yield {**{name: encoded[name][row] for name in names}, "labels": labels}


def _spaced(sentence: Sentence, tags: dict[str, int]) -> tuple[list[str], list[int]]:
    """RETURNS (tuple[list[str], list[int]]): Words with the space before each, as ours sees them; tag ids."""
    before = [False, *natural_spaces(sentence.words)[:-1]]
    words = [f" {word}" if space else word for word, space in zip(sentence.words, before, strict=True)]
    return words, [tags[tag] for tag in sentence.tags]


def _load_classifier(recipe: Recipe, n_tags: int) -> PreTrainedModel:
    before = logging.get_verbosity()
    logging.set_verbosity_error()  # it warns of the new head
    try:
        return AutoModelForTokenClassification.from_pretrained(
            recipe.backbone, num_labels=n_tags, torch_dtype=getattr(torch, recipe.dtype)
        )
    finally:
        logging.set_verbosity(before)
