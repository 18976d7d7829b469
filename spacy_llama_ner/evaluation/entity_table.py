"""Lay out entities and their scores as rows of text."""

from collections.abc import Iterable

ENTITY_HEADER = ("Entity", "Label", "Score")


def entity_rows(ents: Iterable[tuple[str, str, float | None]]) -> list[tuple[str, str, str]]:
    """Lay out entities as text, label and score.

    ents (Iterable[tuple[str, str, float | None]]): Text, label, and score from 0 to 1 or None where it is not
        known.
    RETURNS (list[tuple[str, str, str]]): Cells in the order of `ENTITY_HEADER`.
    """
    return [(text, label, "-" if score is None else f"{score:.3f}") for text, label, score in ents]
