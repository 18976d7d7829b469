"""Lay out an evaluation as rows of text, in percent."""

from typing import Any

HEADER = ("", "P", "R", "F1", "gold", "predicted")
ALIGNMENT = ("l", "r", "r", "r", "r", "r")


def score_rows(result: dict[str, Any]) -> list[tuple[str, ...]]:
    """Lay out strict entity scores, one row a label and one for all.

    result (dict): What `evaluate` returned, or the same read from JSON.
    RETURNS (list[tuple[str, ...]]): Cells in the order of `HEADER`; scores in percent with two decimals.
    """
    seqeval, counts = result["seqeval"], result["counts"]
    rows = [
        _row(label, scores, scores["gold"], scores["predicted"])
        for label, scores in seqeval["per_label"].items()
    ]
    return [*rows, _row("all", seqeval, counts["gold_entities"], counts["predicted_entities"])]


def summary_rows(result: dict[str, Any]) -> list[tuple[str, str]]:
    """Lay out token accuracy, sizes and speed as names and values.

    result (dict): What `evaluate` returned, or the same read from JSON; `raw_text` and `words_per_second` may
        be absent.
    RETURNS (list[tuple[str, str]]): Names and values.
    """
    counts = result["counts"]
    rows = [("token accuracy", percent(result["seqeval"]["accuracy"]))]
    if "raw_text" in result:
        rows.append(("F1 on raw text", percent(result["raw_text"]["f1"])))
    rows += [(name, f"{counts[name]:,}") for name in ("docs", "sentences", "tokens")]
    if "words_per_second" in result:
        rows.append(("words per second", f"{result['words_per_second']:,.0f}"))
    return rows


def percent(fraction: float) -> str:
    """Write a fraction from 0 to 1 in percent with two decimals."""
    return f"{100 * fraction:.2f}"


def _row(name: str, scores: dict[str, Any], gold: int, predicted: int) -> tuple[str, ...]:
    return (
        name,
        *(percent(scores[key]) for key in ("precision", "recall", "f1")),
        f"{gold:,}",
        f"{predicted:,}",
    )
