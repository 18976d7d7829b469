"""`bench summary`: all figures beside their bars, and the tables in the documentation."""

import sys
from pathlib import Path
from typing import Annotated, Any

from typer import Argument, Option

from spacy_llama_ner.cli.bench import OUTPUT, bench
from spacy_llama_ner.cli.console import msg, show_tables, user_errors


@bench.command("summary")
def bench_summary_cli(
    folder: Annotated[Path, Argument(help="What the other commands have written")] = OUTPUT,
    text: Annotated[
        Path | None,
        Option(
            "--text",
            help="Write the tables into this Markdown file, between its comments, and plots beside it",
        ),
    ] = None,
) -> None:
    """Show the figures of all benchmarks that were run. Exit status 1 where one misses its bar, but not with --text."""
    with user_errors("No summary"):
        from spacy_llama_ner.benchmark.document import fill, read_reports, summary
        from spacy_llama_ner.replacement import write_whole

        reports = read_reports(folder)
        if text is not None:
            write_whole(text, fill(text.read_text(encoding="utf8"), reports).encode())
            msg.good(f"Wrote the tables of {len(reports)} reports into {text}")
            _draw(reports, text.parent)
            return
        show_tables([summary(reports)])
    if not all(report["passed"] for report in reports):
        sys.exit(1)


def _draw(reports: list[dict[str, Any]], folder: Path) -> None:
    """Draw the plot of each report that has one."""
    from spacy_llama_ner.replacement import write_whole

    for report in reports:
        if report["benchmark"] == "growth":
            from spacy_llama_ner.benchmark.plot import plot_growth

            plot = folder / "growth.svg"
            write_whole(plot, plot_growth(report["cells"]).encode())
            msg.good(f"Drew {plot}")
