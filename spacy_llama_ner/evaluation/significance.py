"""Whether one pipeline is better than another on the same corpus, or could be by chance."""

from typing import Any

import numpy as np

from spacy_llama_ner.evaluation.counts import EntityCounts, precision_recall_f1

SHUFFLES = 10_000
SEED = 0
_CHUNK = 500
# Differences that are equal but for rounding count as equal, else p would depend on the order of a sum.
_ROUNDING = 1e-12


def compare_f1(
    first: EntityCounts, second: EntityCounts, *, shuffles: int = SHUFFLES, seed: int = SEED
) -> dict[str, Any]:
    """Test the difference of two F1 scores by approximate randomization, two-sided and paired by Doc.

    If the two were equally good, their outputs for a Doc could change places. So each shuffle swaps them in about
    half of the Docs, and p is the share of shuffles with a difference at least as large as the one seen.

    first (EntityCounts): Of one pipeline.
    second (EntityCounts): Of another one, for the same gold Docs in the same order.
    shuffles (int): How often to swap.
    seed (int): Of the random numbers.
    RETURNS (dict): `difference` (F1 of the first minus that of the second, as a fraction), `p` = (c + 1) / (n + 1),
        `docs_that_differ`, `shuffles`, `method`, `seed`.
    RAISES (ValueError): If the gold entities of the two are not the same.
    Source: Noreen (1989), Computer-Intensive Methods for Testing Hypotheses, 2; Yeh (2000), More accurate tests for
        the statistical significance of result differences, COLING.
    """
    one, two = _totals(first), _totals(second)  # (D, 3)
    if len(one) != len(two) or (one[:, [0, 2]].sum(axis=1) != two[:, [0, 2]].sum(axis=1)).any():
        raise ValueError(
            f"The counts are of different gold docs ({len(one)} and {len(two)}): a paired test needs both pipelines "
            "scored on the same corpus in the same order."
        )
    seen = _difference(one.sum(axis=0), two.sum(axis=0))
    change = (two - one)[(one != two).any(axis=1)]  # (d, 3); a swap of equal Docs changes nothing
    rng = np.random.default_rng(seed)
    as_large = 0
    for start in range(0, shuffles, _CHUNK):  # by chunks: memory stays small with many Docs
        swapped = rng.integers(2, size=(min(_CHUNK, shuffles - start), len(change)))
        moved = swapped.astype(np.float64) @ change  # (chunk, 3)
        shuffled = _difference(one.sum(axis=0) + moved, two.sum(axis=0) - moved)
        as_large += int((np.abs(shuffled) >= abs(seen) - _ROUNDING).sum())
    return {
        "difference": float(seen),
        "p": (as_large + 1) / (shuffles + 1),
        "docs_that_differ": len(change),
        "shuffles": shuffles,
        "method": "approximate randomization of docs, two-sided",
        "seed": seed,
    }


def _totals(counts: EntityCounts) -> np.ndarray:
    """RETURNS (ndarray): Float64, shape (D, 3): tp, fp, fn of all labels."""
    return np.stack([side.sum(axis=1) for side in (counts.tp, counts.fp, counts.fn)], axis=1).astype(
        np.float64
    )


def _difference(one: np.ndarray, two: np.ndarray) -> np.ndarray:
    """RETURNS (ndarray): F1 of one minus that of two; their last axis is tp, fp, fn."""
    (_, _, f1), (_, _, other) = (precision_recall_f1(*np.moveaxis(side, -1, 0)) for side in (one, two))
    return f1 - other
