"""Derive batches, steps and evaluations from a corpus's size."""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from spacy.tokens import Doc

MOST_DOCS, BATCH_WORDS = 16, 500  # of a batch: 16 sentences, or one article
MOST_STEPS = 200  # between two evaluations, as spaCy's `init config` has it


def docs_per_batch(docs: Sequence[Doc]) -> int:
    """Choose how many docs make a batch: 16 sentences, fewer if they are long, one article.

    docs (Sequence[Doc]): The training corpus, with at least one token.
    RETURNS (int): From 1 to 16; about 500 words where docs are long.
    """
    mean_length = sum(map(len, docs)) / len(docs)
    return min(MOST_DOCS, max(1, round(BATCH_WORDS / mean_length)))


def linear_schedule(docs: int, *, batch: int, epochs: int, rate: float, warmup: int) -> dict[str, Any]:
    """Give the overrides for linear warm-up and decay over all epochs, with an evaluation an epoch.

    docs (int): Docs of the training corpus.
    batch (int): Docs of a batch, for `spacy.batch_by_sequence.v1`.
    epochs (int): Passes over the corpus.
    rate (float): The largest learning rate.
    warmup (int): The warm-up is one part in so many of all steps.
    RETURNS (dict): Overrides for a config whose learning rate is `warmup_linear.v1`.
    """
    per_epoch = math.ceil(docs / batch)
    steps = per_epoch * epochs
    return {
        "training.batcher.size": batch,
        "training.max_epochs": epochs,
        "training.eval_frequency": max(1, (steps - 1) // epochs),  # the last one falls on the last steps
        "training.optimizer.learn_rate.initial_rate": rate,
        "training.optimizer.learn_rate.warmup_steps": steps // warmup,
        "training.optimizer.learn_rate.total_steps": steps,
    }


def stepwise_schedule(
    docs: Sequence[Doc], batcher: Callable[[Sequence[Doc]], Iterable[Any]], *, epochs: int
) -> dict[str, Any]:
    """Give the overrides for a training whose batches are not equally many in each epoch.

    `spacy train` evaluates at multiples of the frequency and not at its end: what it trains after the last of them is
    lost. Therefore it ends on one. How many batches there are differs a little with the order of the docs.

    docs (Sequence[Doc]): The training corpus.
    batcher (Callable): Parts them into the batches of one epoch after the other.
    epochs (int): Passes over the corpus.
    RETURNS (dict): Overrides: evaluations once an epoch or more often, and the number of the last step.
    """
    steps = sum(1 for _epoch in range(epochs) for _batch in batcher(docs))
    frequency = max(1, steps // max(epochs, math.ceil(steps / MOST_STEPS)))
    return {
        "training.eval_frequency": frequency,
        "training.max_steps": steps // frequency * frequency,
    }
