"""Keep the tables of benchmarks in a Markdown file: each stands between two comments, written from its report."""

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from spacy_llama_ner.benchmark.tables import report_tables
from spacy_llama_ner.evaluation.tables import Table, escape_markdown, table_to_markdown

_BEGIN = "<!-- bench {name}: written by `make docs` -->"
_END = "<!-- end of bench {name} -->"
_PLACE = re.compile(r"<!-- bench (\w+): [^\n]*-->\n(.*?)<!-- end of bench \1 -->", flags=re.DOTALL)


def read_reports(folder: Path) -> list[dict[str, Any]]:
    """Read the reports of a folder.

    folder (Path): What `bench` has written, NAME.json each.
    RETURNS (list[dict]): In the order of their names.
    RAISES (ValueError): If there are none, or a file is something else.
    """
    files = sorted(folder.glob("*.json"))
    if not files:
        raise ValueError(f"No reports in {folder}: write them by `python -m spacy_llama_ner bench ...`.")
    return [_read(file) for file in files]


def fill(text: str, reports: Iterable[dict[str, Any]]) -> str:
    """Write reports into the places of a document.

    text (str): Markdown with a pair of comments for each report.
    reports (Iterable[dict]): From `make_report`.
    RETURNS (str): The document with the reports' tables between the comments.
    RAISES (ValueError): If a report has no place or a place no report.
    """
    blocks = {report["benchmark"]: _block(report) for report in reports}
    places = [place.group(1) for place in _PLACE.finditer(text)]
    if lacking := [name for name in blocks if name not in places]:
        begin, end = (mark.format(name=lacking[0]) for mark in (_BEGIN, _END))
        raise ValueError(f"No place for {', '.join(lacking)}: add the lines {begin} and {end}.")
    if without := [name for name in places if name not in blocks]:
        raise ValueError(
            f"No report for {', '.join(without)}: run `python -m spacy_llama_ner bench {without[0]}`."
        )
    return _PLACE.sub(lambda place: blocks[place.group(1)], text)


def summary(reports: Iterable[dict[str, Any]]) -> Table:
    """RETURNS (Table): Every figure of some reports beside its bar."""
    firsts = [(report["benchmark"], report_tables(report)[0]) for report in reports]
    rows = [(f"{name}: {row[0]}", *row[1:]) for name, table in firsts for row in table.rows]
    return Table("Figures and bars", ("", *firsts[0][1].header[1:]), rows)


def _block(report: dict[str, Any]) -> str:
    name = report["benchmark"]
    figures, *others = report_tables(report)
    parts = [_BEGIN.format(name=name), table_to_markdown(figures), *figures.notes]
    for table in others:
        parts += [f"**{escape_markdown(table.title)}**", table_to_markdown(table), *table.notes]
    return "\n\n".join([*parts, _END.format(name=name)])


def _read(file: Path) -> dict[str, Any]:
    try:
        report = json.loads(file.read_text(encoding="utf8"))
    except ValueError as e:
        raise ValueError(f"{file} is no JSON: {e}") from e
    if not isinstance(report, dict) or not {"benchmark", "figures", "tables", "machine"} <= report.keys():
        raise ValueError(f"{file} is no report of `bench`: take it out of the folder.")
    return report
