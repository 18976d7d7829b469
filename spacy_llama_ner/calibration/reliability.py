"""How well scores say how often entities are right."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from spacy.training import Example

from spacy_llama_ner.calibration.scored import ScoredEntities, scored_entities

BINS = 15  # Source: Guo et al. (2017), On Calibration of Modern Neural Networks, 5
RESAMPLES = 1000
SEED = 0
MAX_POINTS = 200  # of the precision-coverage curve: enough for any plot
# The least distance from 0 and 1 that a score in float32, as Docs keep it, can show.
LEAST = float(np.finfo(np.float32).eps)


def measure_calibration(examples: Sequence[Example]) -> dict[str, Any]:
    """Compare the scores of predicted entities with how often these are right.

    examples (Sequence[Example]): Predictions with `ent._.score`, and gold Docs, in pairs on equal tokens.
    RETURNS (dict): The counts `entities` (predicted ones with a score), `right` (of these), `unscored` (left out of
        all figures) and `gold`; if there are entities (else None, or an empty list), fractions from 0 to 1:
        `precision` and `mean_score`, which are equal on average where scores are calibrated;
        `ece`, the expected calibration error over bins of equal width, and `ece_equal_mass`, over bins of equal count;
        `ece_by_chance`: `mean` and `high` (95th percentile) of the `ece` that perfectly calibrated scores would
        show on as many entities; an `ece` below `high` is no sign of a wrong score;
        `mce`, the largest error of a bin; `brier`, the mean squared error; `nll`, the mean log loss, in nats;
        `auroc`, how often a right entity has a higher score than a wrong one, None if all are right, or wrong;
        `bins` and `bins_equal_mass`: see `reliability_bins`; `precision_coverage`: see `precision_coverage`.
    Source: Guo et al. (2017), On Calibration of Modern Neural Networks, 2.
    """
    entities = scored_entities(examples)
    scores, right = entities.scores, entities.right
    counts = {
        "entities": len(scores),
        "right": int(right.sum()),
        "unscored": entities.unscored,
        "gold": entities.gold,
    }
    figures = ("precision", "mean_score", "ece", "ece_equal_mass", "ece_by_chance", "mce", "brier", "nll")
    lists = ("bins", "bins_equal_mass", "precision_coverage")
    if not len(scores):
        return {**counts, **dict.fromkeys((*figures, "auroc")), **{name: [] for name in lists}}
    edges = equal_width_edges()
    bins = reliability_bins(scores, right, edges)
    equal_mass = reliability_bins(scores, right, equal_mass_edges(scores))
    return {
        **counts,
        "precision": float(right.mean()),
        "mean_score": float(scores.mean()),
        "ece": calibration_error(bins),
        "ece_equal_mass": calibration_error(equal_mass),
        "ece_by_chance": error_by_chance(scores, edges),
        "mce": max(abs(row["score"] - row["precision"]) for row in bins if row["count"]),
        "brier": float(np.mean((scores - right) ** 2)),
        "nll": log_loss(scores, right),
        "auroc": _auroc(scores, right),
        "bins": bins,
        "bins_equal_mass": equal_mass,
        "precision_coverage": precision_coverage(entities),
    }


def equal_width_edges() -> np.ndarray:
    """RETURNS (ndarray): Float64, shape (16,): edges of 15 bins of equal width from 0 to 1."""
    return np.linspace(0, 1, BINS + 1)


def equal_mass_edges(scores: np.ndarray) -> np.ndarray:
    """Find edges of bins that hold about as many scores each; equal scores stay together.

    scores (ndarray): Float64, shape (N,), N at least 1.
    RETURNS (ndarray): Float64, shape (2,) to (16,), rising.
    """
    edges = np.unique(np.quantile(scores, np.linspace(0, 1, BINS + 1)))
    return edges if len(edges) > 1 else np.array([0.0, edges[0]])  # all scores are one


def reliability_bins(scores: np.ndarray, right: np.ndarray, edges: np.ndarray) -> list[dict[str, Any]]:
    """Compare the mean score of each bin with its precision: what a reliability diagram shows.

    scores (ndarray): Float64, shape (N,), from 0 to 1.
    right (ndarray): Bool, shape (N,).
    edges (ndarray): Rising; a bin holds its upper edge, the first one its lower edge too.
    RETURNS (list[dict]): For each bin `low`, `high`, `count`, `score` (the mean) and `precision`; the last two are
        None where the bin is empty.
    """
    index = _bin_index(scores, edges)
    n_bins = len(edges) - 1
    counts, sums, hits = (
        np.bincount(index, weights=weights, minlength=n_bins) for weights in (None, scores, right)
    )
    return [
        {
            "low": float(edges[i]),
            "high": float(edges[i + 1]),
            "count": int(counts[i]),
            "score": float(sums[i] / counts[i]) if counts[i] else None,
            "precision": float(hits[i] / counts[i]) if counts[i] else None,
        }
        for i in range(n_bins)
    ]


def calibration_error(bins: Sequence[dict[str, Any]]) -> float:
    """Compute the expected calibration error: the mean distance of score and precision, by count.

    bins (Sequence[dict]): From `reliability_bins`, at least one entity in all.
    RETURNS (float): From 0 to 1.
    Source: Guo et al. (2017), equation 3.
    """
    total = sum(row["count"] for row in bins)
    return sum(row["count"] * abs(row["score"] - row["precision"]) for row in bins if row["count"]) / total


def error_by_chance(scores: np.ndarray, edges: np.ndarray) -> dict[str, float]:
    """Draw the expected calibration error that these scores would show if each were the true probability.

    With few entities it is well above 0 by chance alone. An interval by resampling Docs is not given: the error of a
    resample is larger than that of the corpus for the same reason, so such an interval may leave out its own estimate.

    scores (ndarray): Float64, shape (N,), N at least 1.
    edges (ndarray): Of the bins.
    RETURNS (dict): `mean` and `high`, the 95th percentile, over 1,000 draws with a fixed seed.
    Source: Bröcker & Smith (2007), Increasing the Reliability of Reliability Diagrams, 3 (consistency resampling).
    """
    rng = np.random.default_rng(SEED)
    index, n_bins = _bin_index(scores, edges), len(edges) - 1
    errors = np.empty(RESAMPLES)
    for i in range(RESAMPLES):
        drawn = rng.random(len(scores)) < scores
        errors[i] = np.abs(np.bincount(index, weights=scores - drawn, minlength=n_bins)).sum() / len(scores)
    return {"mean": float(errors.mean()), "high": float(np.quantile(errors, 0.95))}


def log_loss(scores: np.ndarray, right: np.ndarray) -> float:
    """Compute the mean log loss of scores as probabilities of being right.

    scores (ndarray): Float64, shape (N,), from 0 to 1; moved away from 0 and 1 by the precision of float32.
    right (ndarray): Bool, shape (N,), N at least 1.
    RETURNS (float): In nats, 0 or more.
    """
    scores = np.clip(scores, LEAST, 1 - LEAST)
    return float(-np.mean(np.log(np.where(right, scores, 1 - scores))))


def precision_coverage(entities: ScoredEntities) -> list[dict[str, float]]:
    """Compute what is left, and how good it is, when only entities from a score on are kept.

    entities (ScoredEntities): At least one with a score.
    RETURNS (list[dict]): At most 200 points, from the highest threshold, the highest score, to the lowest: `threshold`,
        `coverage` (share of the scored entities kept), `precision` (of those), `recall` (of all gold entities;
        0 if there are none).
    """
    order = np.argsort(-entities.scores, kind="stable")
    thresholds, hits = entities.scores[order], np.cumsum(entities.right[order])
    last = np.flatnonzero(np.append(np.diff(thresholds) != 0, True))  # equal scores are kept together
    if len(last) > MAX_POINTS:
        last = last[np.linspace(0, len(last) - 1, MAX_POINTS).round().astype(int)]
    return [
        {
            "threshold": float(thresholds[i]),
            "coverage": float((i + 1) / len(order)),
            "precision": float(hits[i] / (i + 1)),
            "recall": float(hits[i] / entities.gold) if entities.gold else 0.0,
        }
        for i in last
    ]


def _auroc(scores: np.ndarray, right: np.ndarray) -> float | None:
    from sklearn.metrics import roc_auc_score

    return None if right.all() or not right.any() else float(roc_auc_score(right, scores))


def _bin_index(scores: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """RETURNS (ndarray): Int64, shape (N,): the bin of each score."""
    return np.searchsorted(edges[1:-1], scores, side="left")
