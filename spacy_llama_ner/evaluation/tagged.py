"""Entities as IOB2 tags, and sentences as ranges of tokens."""

from collections.abc import Iterable, Sequence

from spacy.tokens import Doc
from spacy.training import Example

Bounds = list[tuple[int, int]]


def tags(doc: Doc) -> list[str]:
    """Write a Doc's entities as IOB2 tags, one a token."""
    result = ["O"] * len(doc)
    for ent in doc.ents:
        result[ent.start] = f"B-{ent.label_}"
        result[ent.start + 1 : ent.end] = [f"I-{ent.label_}"] * (len(ent) - 1)
    return result


def tag_sequences(example: Example) -> list[tuple[list[str], list[str]]]:
    """Cut one example into sentences of gold and predicted tags.

    example (Example): A pair with equal tokens.
    RETURNS (list[tuple[list[str], list[str]]]): IOB2 tags, gold then predicted. One item a gold sentence; one
        item in all if there are no sentence starts, or if an entity of either side crosses one: cut, it would
        count twice.
    """
    gold, predicted = tags(example.reference), tags(example.predicted)
    bounds = sentence_bounds(example.reference)
    if any(gold[start].startswith("I-") or predicted[start].startswith("I-") for start, _ in bounds):
        bounds = [(0, len(gold))]
    return list(zip(cut(gold, bounds), cut(predicted, bounds), strict=True))


def sentence_bounds(doc: Doc) -> Bounds:
    """Find a Doc's sentences.

    doc (Doc): With or without sentence starts.
    RETURNS (list[tuple[int, int]]): [start, end) in tokens of each sentence; the whole Doc without sentence starts;
        nothing for an empty Doc.
    """
    if not len(doc):
        return []
    if doc.has_annotation("SENT_START"):
        return [(sent.start, sent.end) for sent in doc.sents]
    return [(0, len(doc))]


def cut(sequence: Sequence[str], bounds: Iterable[tuple[int, int]]) -> list[list[str]]:
    """Cut a sequence into the given ranges."""
    return [list(sequence[start:end]) for start, end in bounds]
