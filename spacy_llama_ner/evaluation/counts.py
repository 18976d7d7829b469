"""Right, spurious and missed entities of each Doc as arrays: what resampling and shuffling of Docs work on."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from spacy.tokens import Doc
from spacy.training import Example

Entity = tuple[str, int, int]


@dataclass(frozen=True, slots=True)
class EntityCounts:
    """Counts of D Docs by L labels; an entity is right if its tokens and its label are.

    labels (tuple[str, ...]): Sorted, length L.
    tp (ndarray): Int64, shape (D, L): right entities.
    fp (ndarray): Int64, shape (D, L): predicted ones that are not right.
    fn (ndarray): Int64, shape (D, L): gold ones that were not found.
    """

    labels: tuple[str, ...]
    tp: np.ndarray
    fp: np.ndarray
    fn: np.ndarray


def count_entities(examples: Sequence[Example]) -> EntityCounts:
    """Count each Doc's entities.

    examples (Sequence[Example]): Predicted and gold Docs in pairs, on equal tokens.
    RETURNS (EntityCounts): One row a Doc, in their order; one column a label of either side.
    """
    pairs = [(_entities(example.predicted), _entities(example.reference)) for example in examples]
    labels = tuple(sorted({label for pair in pairs for side in pair for label, _, _ in side}))
    return EntityCounts(
        labels,
        tp=_by_label((predicted & gold for predicted, gold in pairs), labels),
        fp=_by_label((predicted - gold for predicted, gold in pairs), labels),
        fn=_by_label((gold - predicted for predicted, gold in pairs), labels),
    )


def precision_recall_f1(
    tp: np.ndarray, fp: np.ndarray, fn: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Compute scores from counts, element by element.

    tp, fp, fn (ndarray): Numbers of any one shape.
    RETURNS (tuple[ndarray, ndarray, ndarray]): Float64, the same shape, from 0 to 1; 0 where there is nothing to
        divide by, as seqeval and spaCy have it.
    """
    return _ratio(tp, tp + fp), _ratio(tp, tp + fn), _ratio(2 * tp, 2 * tp + fp + fn)


def _entities(doc: Doc) -> set[Entity]:
    return {(ent.label_, ent.start, ent.end) for ent in doc.ents}


def _by_label(rows: Iterable[set[Entity]], labels: tuple[str, ...]) -> np.ndarray:
    counted = [Counter(label for label, _, _ in row) for row in rows]
    table = [[row[label] for label in labels] for row in counted]
    return np.array(table, dtype=np.int64).reshape(len(counted), len(labels))


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    part, whole = np.asarray(part, dtype=np.float64), np.asarray(whole, dtype=np.float64)
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)
