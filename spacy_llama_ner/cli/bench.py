"""`bench`: measure speed and memory side by side with others, each figure beside its bar."""

import json
import sys
from pathlib import Path
from typing import Any

import typer

from spacy_llama_ner.cli import app
from spacy_llama_ner.cli.console import msg, show_tables

OUTPUT = Path("metrics/bench")

bench = typer.Typer(
    help="Measure speed and memory side by side with others. Exit status 1 where a figure misses its bar.",
    no_args_is_help=True,
)
app.add_typer(bench, name="bench")


def finish(report: dict[str, Any], output: Path) -> None:
    """Save a report, print it, and exit with 1 where a bar is missed.

    report (dict): From `make_report`.
    output (Path): JSON file; its folder is created.
    """
    from spacy_llama_ner.benchmark.tables import report_tables
    from spacy_llama_ner.replacement import write_whole

    output.parent.mkdir(parents=True, exist_ok=True)
    write_whole(output, (json.dumps(report, indent=2) + "\n").encode())
    show_tables(report_tables(report))
    msg.good(f"Saved results to {output}")
    missed = [figure["name"] for figure in report["figures"] if not figure["passed"]]
    if missed:
        msg.fail(f"{len(missed)} of {len(report['figures'])} bars missed: {'; '.join(missed)}")
        sys.exit(1)
