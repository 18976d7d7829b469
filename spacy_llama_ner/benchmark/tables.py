"""Lay out a report for the terminal and for Markdown."""

from typing import Any

from spacy_llama_ner.evaluation.tables import Table


def report_tables(report: dict[str, Any]) -> list[Table]:
    """Lay out a report.

    report (dict): From `make_report`, or the same read from JSON.
    RETURNS (list[Table]): The figures beside their bars, then the report's own tables.
    """
    rows = [
        (
            figure["name"],
            show(figure["value"], figure["unit"]),
            f"{'≥' if figure['least'] else '≤'} {show(figure['bar'], figure['unit'])}",
            "yes" if figure["passed"] else "NO",
        )
        for figure in report["figures"]
    ]
    return [
        Table(report["benchmark"], ("", "measured", "bar", "reached"), rows, [describe(report["machine"])]),
        *(Table(**table) for table in report["tables"]),
    ]


def show(value: float, unit: str) -> str:
    """RETURNS (str): A figure with three digits and its unit."""
    digits = f"{value:,.0f}" if abs(value) >= 100 else f"{value:#.3g}".rstrip(".")
    return f"{digits}{unit}" if unit in ("", "x", "%") else f"{digits} {unit}"


def describe(machine: dict[str, Any]) -> str:
    """RETURNS (str): A machine in a sentence."""
    threads = "1 thread" if machine["threads"] == 1 else f"{machine['threads']} threads"
    versions = ", ".join(f"{name} {machine[name]}" for name in ("torch", "spacy", "transformers"))
    return f"{machine['gpu'] or machine['processor']}, {threads}; Python {machine['python']}, {versions}."
