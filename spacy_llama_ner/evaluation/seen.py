"""Score apart the names that training data has and those it has not: memory against generalization."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from spacy.tokens import Doc, Span
from spacy.training import Example

CLASSES = ("seen", "other_label", "unseen")
Names = Mapping[str, set[str]]


def collect_names(docs: Iterable[Doc]) -> Names:
    """Collect the entities of training data.

    docs (Iterable[Doc]): Annotated Docs.
    RETURNS (Mapping[str, set[str]]): The labels of each entity's text, case and all.
    """
    names: dict[str, set[str]] = defaultdict(set)
    for doc in docs:
        for ent in doc.ents:
            names[_text(ent)].add(ent.label_)
    return dict(names)


def seen_scores(examples: Iterable[Example], names: Names) -> dict[str, dict[str, Any]]:
    """Score entities by whether training data has their text with their label.

    examples (Iterable[Example]): Predicted and gold Docs in pairs, on equal tokens.
    names (Mapping[str, set[str]]): What `collect_names` returned.
    RETURNS (dict): `seen` (text and label), `other_label` (the text with other labels only), `unseen`; each with the
        counts `gold`, `predicted`, `right`, and `recall` and `precision` (fractions; None where nothing was counted).
        Gold entities are classed by their own label, predicted ones by theirs.
    """
    gold: Counter[str] = Counter()
    predicted: Counter[str] = Counter()
    right: Counter[str] = Counter()
    for example in examples:
        expected = {(ent.start, ent.end, ent.label_) for ent in example.reference.ents}
        gold.update(_classify(ent, names) for ent in example.reference.ents)
        for ent in example.predicted.ents:
            kind = _classify(ent, names)
            predicted[kind] += 1
            right[kind] += (ent.start, ent.end, ent.label_) in expected
    return {
        kind: {
            "gold": gold[kind],
            "predicted": predicted[kind],
            "right": right[kind],
            "recall": right[kind] / gold[kind] if gold[kind] else None,
            "precision": right[kind] / predicted[kind] if predicted[kind] else None,
        }
        for kind in CLASSES
    }


def _classify(ent: Span, names: Names) -> str:
    labels = names.get(_text(ent))
    if labels is None:
        return "unseen"
    return "seen" if ent.label_ in labels else "other_label"


def _text(ent: Span) -> str:
    """Words joined by single spaces: the spacing of two corpora may differ."""
    return " ".join(token.text for token in ent if not token.text.isspace())
