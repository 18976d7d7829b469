"""Lay out an evaluation as tables of text, which the terminal and Markdown share."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from spacy_llama_ner.evaluation.table import HEADER, percent, score_rows, summary_rows

_VARIANTS = {"upper": "upper case", "lower": "lower case", "typos": "typos"}
_SEEN = {"seen": "seen in train", "other_label": "seen with another label", "unseen": "unseen"}


@dataclass(frozen=True, slots=True)
class Table:
    """A table: its first column is text, the others are figures.

    title (str): What it shows.
    header (Sequence[str]): Names of the columns.
    rows (Sequence[Sequence[str]]): Cells.
    notes (Sequence[str]): Sentences to read with it.
    """

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = ()


def evaluation_tables(result: dict[str, Any]) -> list[Table]:
    """Lay out the evaluation of one pipeline, in percent.

    result (dict): What `evaluate` writes for one pipeline, or the same read from JSON.
    RETURNS (list[Table]): By label, ways to count, robustness, seen and unseen names where they were scored, sizes.
    """
    tables = [_labels(result), _schemes(result), _robustness(result)]
    if "seen" in result:
        tables.append(_seen(result["seen"]))
    return [*tables, Table("Corpus and speed", ("", ""), summary_rows(result))]


def comparison_tables(
    results: Sequence[dict[str, Any]], significance: Sequence[dict[str, Any]]
) -> list[Table]:
    """Lay out the evaluations of several pipelines on one corpus side by side, in percent.

    results (Sequence[dict]): As for `evaluation_tables`, one a pipeline.
    significance (Sequence[dict]): What `compare_f1` returned for each pair, with `first` and `second`, the numbers of
        the pipelines, from 1.
    RETURNS (list[Table]): The scores, one column a pipeline, and the tests of their differences.
    """
    columns = [_column(result) for result in results]
    names = list(dict.fromkeys(name for column in columns for name in column))
    rows = [(name, *(column.get(name, "-") for column in columns)) for name in names]
    legend = [f"{number} = {result['model']}" for number, result in enumerate(results, start=1)]
    pairs = [
        (
            f"{pair['first']} - {pair['second']}",
            f"{100 * pair['difference']:+.2f}",
            f"{pair['p']:.4f}",
            f"{pair['docs_that_differ']:,}",
        )
        for pair in significance
    ]
    first = significance[0]
    return [
        Table(
            "Pipelines side by side, in percent",
            ("", *map(str, range(1, len(results) + 1))),
            rows,
            [*legend, *_interval_note(results[0]["intervals"])],
        ),
        Table(
            "Differences of F1",
            ("Pipelines", "difference", "p", "docs that differ"),
            pairs,
            [
                f"p by {first['method']} ({first['shuffles']:,} shuffles, seed {first['seed']}): how often chance "
                "alone makes a difference as large. Not corrected for the number of pairs."
            ],
        ),
    ]


def to_markdown(title: str, tables: Iterable[Table], *, notes: Iterable[str] = ()) -> str:
    """Write tables as Markdown.

    title (str): The heading.
    tables (Iterable[Table]): The tables, each under a heading of its own.
    notes (Iterable[str]): Sentences under the title.
    RETURNS (str): The document.
    """
    blocks = [f"# {title}", *notes]
    for table in tables:
        blocks += [f"## {table.title}", table_to_markdown(table), *table.notes]
    return "\n\n".join(blocks) + "\n"


def table_to_markdown(table: Table) -> str:
    """RETURNS (str): A table's header and rows in Markdown, without its title and notes, and without a line's end."""
    dashes = ("---", *("---:",) * (len(table.header) - 1))
    return "\n".join(
        ("| " + " | ".join(row) + " |") for row in (_escape(table.header), dashes, *map(_escape, table.rows))
    )


def escape_markdown(text: str) -> str:
    """Keep text from being read as Markdown or HTML, and on one line.

    text (str): Any text. An underscore inside of a word, as in `spacy_cnn`, is no markup and stays as it is.
    RETURNS (str): Markdown.
    """
    return re.sub(r"[\\`*\[\]<>|#&~]|(?<![^\W_])_|_(?![^\W_])", r"\\\g<0>", " ".join(text.split()))


def _escape(cells: Iterable[str]) -> list[str]:
    return [escape_markdown(cell) for cell in cells]


def _labels(result: dict[str, Any]) -> Table:
    intervals = result["intervals"]
    by_label = {**intervals["per_label"], "all": intervals} if intervals else {}
    rows = [
        (name, p, r, f1, _interval(by_label.get(name, {}).get("f1")), *counts)
        for name, p, r, f1, *counts in score_rows(result)
    ]
    notes = _interval_note(intervals)
    if intervals:
        notes.insert(
            0,
            f"95% intervals over all labels: precision {_interval(intervals['precision'])}, recall "
            f"{_interval(intervals['recall'])}, F1 {_interval(intervals['f1'])}.",
        )
    return Table("Entities, strict IOB2, in percent", (*HEADER[:4], "95% of F1", *HEADER[4:]), rows, notes)


def _schemes(result: dict[str, Any]) -> Table:
    counts, spacy = result["counts"], result["spacy"]
    strict = {**result["seqeval"], "gold": counts["gold_entities"], "predicted": counts["predicted_entities"]}
    by_spacy = {"precision": spacy["ents_p"], "recall": spacy["ents_r"], "f1": spacy["ents_f"]}
    schemes = {
        "seqeval, strict IOB2": strict,
        "conlleval": result["conlleval"],
        "spaCy's scorer": {**strict, **by_spacy},
    }
    rows = [
        (name, *_scores(scores), f"{scores['gold']:,}", f"{scores['predicted']:,}")
        for name, scores in schemes.items()
    ]
    return Table("Three ways to count", ("Counted by", *HEADER[1:]), rows, result["differences"])


def _robustness(result: dict[str, Any]) -> Table:
    f1 = result["seqeval"]["f1"]
    rows = [("as it is", *_scores(result["seqeval"]), "")]
    for name, scores in result.get("robustness", {}).items():
        rows.append((_VARIANTS[name], *_scores(scores), percent(scores["drop"])))
    raw = result["raw_text"]
    rows.append(("raw text", *_scores(raw), percent(f1 - raw["f1"])))
    notes = [
        "Raw text is cut into tokens by the pipeline itself; an entity is right if its first and last characters and "
        "its label are."
    ]
    if typos := result.get("robustness", {}).get("typos"):
        words = result["counts"]["tokens"]
        notes.insert(0, f"{typos['changed_words']:,} of {words:,} tokens have a typo (seed {typos['seed']}).")
    return Table("The same corpus in other forms", ("Text", *HEADER[1:4], "F1 lost"), rows, notes)


def _seen(seen: dict[str, Any]) -> Table:
    rows = [
        (
            _SEEN[kind],
            _or_dash(scores["recall"]),
            f"{scores['gold']:,}",
            _or_dash(scores["precision"]),
            f"{scores['predicted']:,}",
        )
        for kind, scores in seen.items()
    ]
    return Table("Names seen in training", ("Text and label", "R", "gold", "P", "predicted"), rows)


def _column(result: dict[str, Any]) -> dict[str, str]:
    """RETURNS (dict[str, str]): The cells of one pipeline, by row."""
    intervals, seqeval = result["intervals"] or {}, result["seqeval"]
    cells = {
        name: _with_interval(seqeval[key], intervals.get(key))
        for name, key in (("precision", "precision"), ("recall", "recall"), ("F1", "f1"))
    }
    for label, scores in seqeval["per_label"].items():
        interval = intervals.get("per_label", {}).get(label, {}).get("f1")
        cells[f"F1 of {label} (gold {scores['gold']:,})"] = _with_interval(scores["f1"], interval)
    cells["token accuracy"] = percent(seqeval["accuracy"])
    for name, scores in result.get("robustness", {}).items():
        cells[f"F1, {_VARIANTS[name]}"] = percent(scores["f1"])
    cells["F1, raw text"] = percent(result["raw_text"]["f1"])
    for kind, scores in result.get("seen", {}).items():
        cells[f"recall, {_SEEN[kind]}"] = _or_dash(scores["recall"])
    cells["words per second"] = f"{result['words_per_second']:,.0f}"
    return cells


def _interval_note(intervals: dict[str, Any] | None) -> list[str]:
    if not intervals:
        return ["No intervals: they need at least two docs to draw from."]
    return [
        f"Intervals: {intervals['method']}, {intervals['resamples']:,} resamples of the {intervals['units']:,} docs "
        f"(sentences or articles, as the corpus has them), seed {intervals['seed']}."
    ]


def _scores(scores: dict[str, Any]) -> tuple[str, str, str]:
    return percent(scores["precision"]), percent(scores["recall"]), percent(scores["f1"])


def _with_interval(value: float, interval: Sequence[float] | None) -> str:
    return f"{percent(value)} ({_interval(interval)})" if interval else percent(value)


def _interval(interval: Sequence[float] | None) -> str:
    return "-".join(map(percent, interval)) if interval else "-"


def _or_dash(value: float | None) -> str:
    return "-" if value is None else percent(value)
