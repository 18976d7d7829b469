"""Training with LoRA on a frozen backbone, beside transformers' `Trainer` with peft."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import nn

from spacy_llama_ner.benchmark.figures import Figure, make_report
from spacy_llama_ner.benchmark.timing import ratio, time_in_turns
from spacy_llama_ner.benchmark.training_frozen import measure_frozen
from spacy_llama_ner.benchmark.training_sides import Ours, Recipe
from spacy_llama_ner.benchmark.training_trainer import Theirs
from spacy_llama_ner.corpus.article import Sentence
from spacy_llama_ner.evaluation.tables import Table

LEAST_SPEED = 1.2
OURS, THEIRS = "llama_crf_ner", "Trainer + peft"


def measure_training(
    recipe: Recipe, sentences: Sequence[Sentence], *, rounds: int, top_layers: int, work: Path
) -> dict[str, Any]:
    """Train both sides on the same sentences in turns, an epoch at a time, after one epoch that does not count.

    recipe (Recipe): What the sides have in common.
    sentences (Sequence[Sentence]): What they train on.
    rounds (int): Epochs that count.
    top_layers (int): See `measure_frozen`.
    work (Path): A folder that may be filled.
    RETURNS (dict): A report, see `make_report`.
    RAISES (ValueError): If there are no sentences, the backbone cannot be loaded, or the sides differ in what they
        train.
    """
    if not sentences:
        raise ValueError("Expected sentences to train on, got none.")
    ours = Ours(recipe, sentences)
    theirs = Theirs(recipe, sentences, adapted=ours.adapted(), work=work)
    if ours.trained_weights() != theirs.trained_weights():
        raise ValueError(
            f"The adapters differ: ours have {ours.trained_weights():,} weights and those of Trainer + peft "
            f"{theirs.trained_weights():,}. Name the layers by --target."
        )
    sides: dict[str, Ours | Theirs] = {OURS: ours, THEIRS: theirs}
    padding = {name: padding_of(side.trunk, side.epoch) for name, side in sides.items()}
    seconds = time_in_turns(
        {name: side.epoch for name, side in sides.items()},
        rounds=rounds,
        warm_up=0,  # the epoch above was one
        clock=time.process_time,
    )
    words = sum(len(sentence.words) for sentence in sentences)
    rows = [
        (
            name,
            f"{words / median(seconds[name]):,.0f}",
            f"{ratio(seconds[THEIRS], seconds[name]):.2f}x",
            f"{padding[name]:.0%}",
        )
        for name in sides
    ]
    notes = [
        f"{len(sentences):,} sentences, {words:,} words, in batches of {recipe.batch_size}; backbone "
        f"{Path(recipe.backbone).name} in {recipe.dtype}, adapters of rank {recipe.rank} with "
        f"{ours.trained_weights():,} weights. Medians of {rounds} epochs in turns, seconds of the process itself. "
        "Tokenization is inside of the time on both sides."
    ]
    speed = Figure(f"training, words/s, against {THEIRS}", ratio(seconds[THEIRS], seconds[OURS]), LEAST_SPEED)
    frozen, table = measure_frozen(recipe, sentences, top_layers=top_layers, rounds=rounds, work=work)
    return make_report(
        "training",
        [speed, *frozen],
        [Table("Training", ("", "words/s", f"against {THEIRS}", "padding"), rows, notes), table],
        settings={
            "backbone": Path(recipe.backbone).name,
            "dtype": recipe.dtype,
            "sentences": len(sentences),
            "words": words,
            "batch_size": recipe.batch_size,
            "rank": recipe.rank,
            "top_layers": top_layers,
            "rounds": rounds,
        },
    )


def padding_of(trunk: nn.Module, run: Callable[[], object]) -> float:
    """Measure how much of what a backbone reads is padding.

    trunk (Module): The backbone; it is called with `attention_mask`.
    run (Callable): Calls it.
    RETURNS (float): The share of padding in all pieces, from 0 to below 1.
    """
    real = total = 0

    def count(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        nonlocal real, total
        mask: torch.Tensor = kwargs["attention_mask"]
        real += int(mask.sum())
        total += mask.numel()

    handle = trunk.register_forward_pre_hook(count, with_kwargs=True)
    try:
        run()
    finally:
        handle.remove()
    return 1 - real / total
