"""Lay out an analysis as titled tables and texts, for the terminal and for Markdown."""

from collections.abc import Iterator, Sequence
from typing import Any

from spacy_llama_ner.analysis.types import ERRORS
from spacy_llama_ner.evaluation.tables import Table

FACTOR_TITLES = {
    "label": "Label",
    "entity_length": "Entity length, tokens",
    "sentence_length": "Sentence length, tokens",
    "seen": "Name in training",
    "casing": "Casing of the entity",
    "sentence_casing": "Casing of the sentence",
    "document_position": "Sentence of the doc",
}
_KINDS = ("boundary", "label", "both", "missed", "spurious")  # short names of ERRORS, in their order


def tables(result: dict[str, Any]) -> Iterator[Table]:
    """Lay out what `analyze` returned: error classes, confusion matrix, and a table for each factor.

    result (dict): What `analyze` returned, or the same read from JSON.
    RETURNS (Iterator[Table]): Without the factors that are not known.
    """
    yield error_table(result)
    yield confusion_table(result["confusion"])
    for factor, title in FACTOR_TITLES.items():
        if rows := result["factors"][factor]:
            yield factor_table(title, rows)


def error_table(result: dict[str, Any]) -> Table:
    """Lay out the counts by class, with their share of all errors."""
    total = sum(result["errors"].values())
    rows = [
        (kind, f"{count:,}", _percent(count / total if total else None))
        for kind, count in result["errors"].items()
    ]
    return Table("Errors by class", ("Class", "Errors", "%"), [*rows, ("all", f"{total:,}", "")])


def confusion_table(confusion: dict[str, Any]) -> Table:
    """Lay out gold labels (rows) against predicted ones (columns)."""
    labels = confusion["labels"]
    rows = [
        (label, *(_cell(count, moved) for count, moved in zip(counts, moves, strict=True)))
        for label, counts, moves in zip(labels, confusion["matrix"], confusion["boundary"], strict=True)
    ]
    note = 'The row "O" has spurious predictions, the column "O" missed entities; +n of a cell have other boundaries.'
    return Table("Gold labels (rows) and predicted labels", ("", *labels), rows, [note])


def factor_table(title: str, rows: Sequence[dict[str, Any]]) -> Table:
    """Lay out the buckets of one factor."""
    cells = [
        (
            row["bucket"],
            f"{row['gold']:,}",
            _percent(row["recall"]),
            f"{row['predicted']:,}",
            _percent(row["precision"]),
            *(f"{row['errors'][kind]:,}" for kind in ERRORS),
        )
        for row in rows
    ]
    return Table(title, ("", "gold", "R", "predicted", "P", *_KINDS), cells)


def confusion_title(confusion: dict[str, Any]) -> str:
    """Name a kind of error in one line, such as "label: ORG as MISC, 12"."""
    gold, predicted, count = confusion["gold"], confusion["predicted"], confusion["count"]
    if gold is None or predicted is None:
        labels = gold or predicted
    else:
        labels = gold if gold == predicted else f"{gold} as {predicted}"
    return f"{confusion['class']}: {labels}, {count:,}"


def example_line(example: dict[str, Any]) -> str:
    """Write an example of an error as one line: gold, predicted, score."""
    gold, predicted, score = example["gold"], example["predicted"], example["score"]
    shown = "" if score is None else f" ({score:.2f})"
    if gold == predicted:
        return f"{gold}{shown}"
    return f"{gold or '-'} | {predicted or '-'}{shown}"


def _cell(count: int, moved: int) -> str:
    """Write a count without those that have other boundaries, and these."""
    return f"{count - moved:,} +{moved:,}" if moved else f"{count:,}"


def _percent(fraction: float | None) -> str:
    return "-" if fraction is None else f"{100 * fraction:.1f}"
