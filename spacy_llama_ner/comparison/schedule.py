"""Derive batches, steps and evaluations from a corpus's size."""

import math
from collections.abc import Sequence
from typing import Any

from spacy.tokens import Doc

MOST_DOCS, BATCH_WORDS = 16, 500  # of a batch: 16 sentences, or one article


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
