"""`report`: write a page that shows how good a pipeline is."""

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from spacy_llama_ner.cli import app
from spacy_llama_ner.cli.console import msg, user_errors


@app.command("report")
def report_cli(
    folder: Annotated[
        Path,
        Argument(
            help="Folder of metrics: test.json (evaluate), and as there are errors.json (analyze), calibration.json "
            "(calibrate), compare.json (compare), ablate.json (ablate)"
        ),
    ],
    output: Annotated[
        Path | None, Option("--output", "-o", help="HTML file  [default: report.html in the folder]")
    ] = None,
    log: Annotated[Path | None, Option("--log", help="Training log, for the learning curves")] = None,
    title: Annotated[str, Option("--title", help="Heading")] = "Named-entity recognition: report",
    text: Annotated[
        Path | None,
        Option(
            "--text", help="Write the project's report in Markdown instead; run it in the project's folder"
        ),
    ] = None,
    condense: Annotated[
        Path | None, Option("--condense", help="Write small copies of the metrics into this folder instead")
    ] = None,
    examples: Annotated[
        int, Option("--examples", min=0, help="Examples of each kind of error in them; they quote the corpus")
    ] = 0,
) -> None:
    """Write one HTML page from what the other commands measured. It quotes the corpus where errors.json does."""
    if text is not None or condense is not None:
        with user_errors("Report failed"):
            if condense is not None:
                _condense(folder, condense, examples=examples, log=log)
            if text is not None:
                _write_text(folder, text)
        return
    with user_errors("Report failed"):
        from spacy_llama_ner.replacement import write_whole
        from spacy_llama_ner.report.page import render_page
        from spacy_llama_ner.report.sources import read_sources

        sources = read_sources(folder, log=log)
        output = output or folder / "report.html"
        output.parent.mkdir(parents=True, exist_ok=True)
        write_whole(output, render_page(sources, title=title).encode())
    msg.good(f"Wrote {output}")
    for note in sources.differences:
        msg.warn(note)
    for name, command in sources.missing.items():
        msg.info(f"Without {name}: {command}")


def _condense(folder: Path, output: Path, *, examples: int, log: Path | None) -> None:
    from spacy_llama_ner.replacement import write_whole
    from spacy_llama_ner.report.runs import condense

    files = condense(folder, examples=examples, log=log)
    output.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        write_whole(output / name, content.encode())
    quoted = "they quote the corpus" if examples else "they quote nothing"
    msg.good(f"Wrote {', '.join(files)} into {output}; {quoted}")


def _write_text(folder: Path, output: Path) -> None:
    from spacy_llama_ner.replacement import write_whole
    from spacy_llama_ner.report.text import render_text

    rendered = render_text(folder, project=Path())
    output.parent.mkdir(parents=True, exist_ok=True)
    write_whole(output, rendered.encode())
    msg.good(f"Wrote {output}")
