"""Predicted entities as arrays: how sure the pipeline was, and whether it was right."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from spacy.tokens import Span
from spacy.training import Example


@dataclass(frozen=True, slots=True)
class ScoredEntities:
    """The N predicted entities that have a score, and counts of the others.

    scores (ndarray): Float64, shape (N,), from 0 to 1.
    right (ndarray): Bool, shape (N,): whether a gold entity has the same tokens and label.
    unscored (int): How many predicted entities have no score; they are in no figure.
    gold (int): How many gold entities there are.
    """

    scores: np.ndarray
    right: np.ndarray
    unscored: int
    gold: int


def scored_entities(examples: Sequence[Example]) -> ScoredEntities:
    """Collect scores from `ent._.score`.

    examples (Sequence[Example]): Predicted and gold Docs in pairs, on equal tokens.
    RETURNS (ScoredEntities): In the order of Docs and entities.
    RAISES (ValueError): If a score is no number from 0 to 1.
    """
    scores, right, unscored, n_gold = [], [], 0, 0
    for example in examples:
        gold = {(ent.start, ent.end, ent.label_) for ent in example.reference.ents}
        n_gold += len(gold)
        for ent in example.predicted.ents:
            score = _score(ent)
            if score is None:
                unscored += 1
                continue
            scores.append(score)
            right.append((ent.start, ent.end, ent.label_) in gold)
    return ScoredEntities(
        np.array(scores, dtype=np.float64), np.array(right, dtype=bool), unscored=unscored, gold=n_gold
    )


def _score(ent: Span) -> float | None:
    score: Any = ent._.score if Span.has_extension("score") else None
    if score is None:
        return None
    if not isinstance(score, float | int) or not 0 <= score <= 1:  # so that nan is refused, too
        raise ValueError(
            f"The entity {ent.text!r} has the score {score!r}, expected a number from 0 to 1 or None: a component "
            "of the pipeline, or your code, sets ent._.score to something that is no probability. Take it out."
        )
    return float(score)
