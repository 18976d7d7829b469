"""How far scores would move with another sample of Docs: the bootstrap."""

from typing import Any

import numpy as np

from spacy_llama_ner.evaluation.counts import EntityCounts, precision_recall_f1

LEVEL = 0.95
RESAMPLES = 2000
SEED = 0


def bootstrap_intervals(
    counts: EntityCounts, *, resamples: int = RESAMPLES, seed: int = SEED
) -> dict[str, Any] | None:
    """Compute 95% percentile intervals by drawing as many Docs as there are, with replacement.

    The unit is the Doc, because errors within a sentence or an article are not independent.

    counts (EntityCounts): Of each Doc.
    resamples (int): How often to draw.
    seed (int): Of the random numbers.
    RETURNS (dict | None): `precision`, `recall`, `f1` as [low, high] in fractions; `per_label` with `f1` of each;
        `unit`, `units`, `resamples`, `level`, `method`, `seed`. A score of 0/0 in a resample counts as 0. None with
        fewer than two Docs: there is nothing to draw from.
    Source: Efron & Tibshirani (1993), An Introduction to the Bootstrap, 13.3.
    """
    docs, labels = counts.tp.shape
    if docs < 2:
        return None
    table = np.concatenate([counts.tp, counts.fp, counts.fn], axis=1).astype(np.float64)  # (D, 3L)
    rng = np.random.default_rng(seed)
    # One resample at a time: all (resamples, D) weights of a large corpus would not fit in memory.
    drawn = [np.bincount(rng.integers(docs, size=docs), minlength=docs) @ table for _ in range(resamples)]
    sums = np.stack(drawn).reshape(resamples, 3, labels)
    precision, recall, f1 = precision_recall_f1(*sums.sum(axis=2).T)  # each (resamples,)
    _, _, f1_by_label = precision_recall_f1(*sums.transpose(1, 0, 2))  # (resamples, L)
    return {
        "precision": _interval(precision),
        "recall": _interval(recall),
        "f1": _interval(f1),
        "per_label": {label: {"f1": _interval(f1_by_label[:, i])} for i, label in enumerate(counts.labels)},
        "unit": "doc",
        "units": docs,
        "resamples": resamples,
        "level": LEVEL,
        "method": "percentile bootstrap",
        "seed": seed,
    }


def _interval(values: np.ndarray) -> list[float]:
    tail = (1 - LEVEL) / 2
    return [float(value) for value in np.quantile(values, [tail, 1 - tail])]
