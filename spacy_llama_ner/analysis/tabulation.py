"""Count outcomes: in all, by label against label, and by factor."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from spacy_llama_ner.analysis.factors import BUCKETS, FACTORS
from spacy_llama_ner.analysis.types import (
    BOUNDARY,
    BOUNDARY_AND_LABEL,
    CORRECT,
    ERRORS,
    Outcome,
    Sentence,
)

NONE = "O"


def count_all(sentences: Sequence[Sentence], outcomes: Iterable[Outcome]) -> dict[str, int]:
    """Count the corpus: docs with tokens, sentences, tokens, gold and predicted entities, and correct ones."""
    return {
        "docs": len({sentence.doc for sentence in sentences}),
        "sentences": len(sentences),
        "tokens": sum(len(sentence.words) for sentence in sentences),
        "gold": sum(len(sentence.gold) for sentence in sentences),
        "predicted": sum(len(sentence.predicted) for sentence in sentences),
        "correct": sum(outcome.kind == CORRECT for outcome in outcomes),
    }


def count_errors(outcomes: Iterable[Outcome]) -> dict[str, int]:
    """Count outcomes by class of error, in the order of `ERRORS`."""
    counts = Counter(outcome.kind for outcome in outcomes)
    return {kind: counts[kind] for kind in ERRORS}


def confusion_matrix(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Count gold labels against predicted ones.

    outcomes (Sequence[Outcome]): Every outcome of a corpus.
    RETURNS (dict): `labels`, sorted, then "O" for no entity. `matrix`: a row for each gold label, a column for each
        predicted one; the row "O" has spurious predictions, the column "O" missed entities. `boundary`: of the same
        shape, how many of each cell have other tokens than the gold entity; on the diagonal, what remains without
        them is correct.
    """
    present = {outcome.gold.label for outcome in outcomes if outcome.gold}
    present |= {outcome.predicted.label for outcome in outcomes if outcome.predicted}
    labels = [*sorted(present), NONE]
    pairs = Counter(_labels(outcome) for outcome in outcomes)
    moved = Counter(
        _labels(outcome) for outcome in outcomes if outcome.kind in (BOUNDARY, BOUNDARY_AND_LABEL)
    )
    return {
        "labels": labels,
        "matrix": [[pairs[gold, predicted] for predicted in labels] for gold in labels],
        "boundary": [[moved[gold, predicted] for predicted in labels] for gold in labels],
    }


def count_factors(outcomes: Sequence[Outcome]) -> dict[str, list[dict[str, Any]] | None]:
    """Count outcomes in each bucket of each factor.

    An error is counted at its gold entity's bucket, a spurious one at its prediction's; `predicted` counts each
    prediction at its own bucket.

    outcomes (Sequence[Outcome]): Every outcome of a corpus.
    RETURNS (dict): Factor -> rows with `bucket`, `gold`, `predicted`, `correct`, `recall` (of the gold entities) and
        `precision` (of the predictions; each None where there is nothing to divide by) and `errors` by class. Empty
        buckets are left out. None for a factor that is not known.
    """
    return {factor: _count_factor(factor, outcomes) for factor in FACTORS}


def _count_factor(factor: str, outcomes: Sequence[Outcome]) -> list[dict[str, Any]] | None:
    gold = Counter(outcome.gold.buckets.get(factor) for outcome in outcomes if outcome.gold)
    predicted = Counter(outcome.predicted.buckets.get(factor) for outcome in outcomes if outcome.predicted)
    kinds = Counter((outcome.entity.buckets.get(factor), outcome.kind) for outcome in outcomes)
    found = {bucket for bucket in gold | predicted if bucket is not None}
    if not found:
        return None
    rows = []
    for bucket in BUCKETS.get(factor, sorted(found)):
        if bucket in found:
            correct = kinds[bucket, CORRECT]
            rows.append(
                {
                    "bucket": bucket,
                    "gold": gold[bucket],
                    "predicted": predicted[bucket],
                    "correct": correct,
                    "recall": correct / gold[bucket] if gold[bucket] else None,
                    "precision": correct / predicted[bucket] if predicted[bucket] else None,
                    "errors": {kind: kinds[bucket, kind] for kind in ERRORS},
                }
            )
    return rows


def _labels(outcome: Outcome) -> tuple[str, str]:
    return (
        outcome.gold.label if outcome.gold else NONE,
        outcome.predicted.label if outcome.predicted else NONE,
    )
