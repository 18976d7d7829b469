"""Score a pipeline on plain text that it tokenizes itself, as its users' text is."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from spacy.language import Language
from spacy.scorer import PRFScore
from spacy.tokens import Doc


def score_raw_text(nlp: Language, gold: Sequence[Doc], *, batch_size: int = 64) -> dict[str, Any]:
    """Compare entities by characters: right are those with the same first and last one and the same label.

    Stricter than spaCy's Scorer, which counts an entity as right if it covers some characters of each gold token.

    nlp (Language): The pipeline; only `doc.text` of the gold Docs reaches it.
    gold (Sequence[Doc]): Annotated Docs.
    batch_size (int): Docs handed to a component at once.
    RETURNS (dict): `precision`, `recall`, `f1` (fractions from 0 to 1), and `per_label` with the same.
    RAISES (ValueError): If a component of the pipeline changed the text.
    """
    by_label: dict[str, PRFScore] = defaultdict(PRFScore)
    predicted = nlp.pipe((doc.text for doc in gold), batch_size=batch_size)
    for number, (doc, reference) in enumerate(zip(predicted, gold, strict=True), start=1):
        if doc.text != reference.text:
            raise ValueError(
                f"The pipeline changed the text of doc {number}: its entities cannot be compared by characters. "
                "Take the component that does so out before evaluating."
            )
        found, right = _spans(doc), _spans(reference)
        for label in found.keys() | right.keys():
            by_label[label].score_set(found.get(label, set()), right.get(label, set()))
    return {
        **_scores(sum(by_label.values(), PRFScore())),
        "per_label": {label: _scores(score) for label, score in sorted(by_label.items())},
    }


def _spans(doc: Doc) -> dict[str, set[tuple[int, int]]]:
    """RETURNS (dict): [start, end) in characters of each entity, by label."""
    spans: dict[str, set[tuple[int, int]]] = defaultdict(set)
    for ent in doc.ents:
        spans[ent.label_].add((ent.start_char, ent.end_char))
    return spans


def _scores(score: PRFScore) -> dict[str, float]:
    return {"precision": score.precision, "recall": score.recall, "f1": score.fscore}
