"""`annotate`: find the entities in files of any size."""

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from typer import Argument, Option

from spacy_llama_ner.cli import app
from spacy_llama_ner.cli.annotate_progress import Progress
from spacy_llama_ner.cli.console import msg, user_errors

if TYPE_CHECKING:
    from spacy_llama_ner.annotation.run import Engine, Summary

InputFormat = Literal["txt", "jsonl", "csv", "tsv", "parquet"]
OutputFormat = Literal["jsonl", "parquet", "spacy", "folder"]


@app.command("annotate")
def annotate_cli(
    model: Annotated[str, Argument(help="Pipeline: a folder or an installed package's name")],
    source: Annotated[
        str,
        Argument(
            metavar="INPUT",
            help=".txt (a text per line), .jsonl, .csv, .tsv, also .gz; .parquet; - for lines",
        ),
    ],
    output: Annotated[Path, Argument(help=".jsonl, .parquet, .spacy, or a folder for many .spacy files")],
    field: Annotated[str, Option(help="Field or column with the text")] = "text",
    ents_field: Annotated[str, Option(help="Field or column that gets the entities")] = "ents",
    input_format: Annotated[InputFormat | None, Option(help="If the name does not say it")] = None,
    output_format: Annotated[OutputFormat | None, Option(help="If the name does not say it")] = None,
    batch_size: Annotated[int, Option(min=1, help="Records annotated at once")] = 64,
    part_size: Annotated[int, Option(min=1, help="Records in a part: what a kill costs at most")] = 2048,
    gpu_id: Annotated[int, Option("--gpu-id", "-g", help="GPU, or -1 for the CPU")] = -1,
    engine: Annotated[
        Literal["local", "ray"], Option(help="This process, or Ray Data: several, on one machine or many")
    ] = "local",
    workers: Annotated[int, Option(min=1, help="With ray: processes, each with a pipeline")] = 2,
    ray_address: Annotated[
        str | None, Option(help="With ray: a cluster's address; else Ray starts here")
    ] = None,
    overwrite: Annotated[
        bool, Option("--overwrite", help="Begin anew; replace the output in the end")
    ] = False,
    strict: Annotated[bool, Option("--strict", help="Fail in the end if a record was skipped")] = False,
    quiet: Annotated[bool, Option("--quiet", "-q", help="Show no progress")] = False,
) -> None:
    """Find the entities in text, JSONL, CSV or Parquet; the same command goes on after a stop."""
    progress = Progress(quiet=quiet)
    with user_errors("Annotation failed"):
        from spacy_llama_ner.annotation import formats
        from spacy_llama_ner.annotation.job import Job
        from spacy_llama_ner.annotation.run import run_job
        from spacy_llama_ner.annotation.source import Source

        job = Job(
            model=model,
            source=Source(source, formats.input_format(source, input_format), field, ents_field),
            output=output.resolve(),
            output_format=formats.output_format(str(output), output_format),
            batch_size=batch_size,
            part_batches=-(-part_size // batch_size),
            gpu_id=gpu_id,
        )
        try:
            summary = run_job(
                job,
                _engine(engine, workers, ray_address),
                overwrite=overwrite,
                begin=progress.begin(job),
                progress=progress.show,
            )
        except KeyboardInterrupt:
            progress.close()
            msg.warn("Stopped", "The same command goes on after the last whole part.")
            sys.exit(130)
        finally:
            progress.close()
    _show(summary, output)
    counts = summary.counts
    if counts.problems and (strict or counts.problems == counts.records):
        sys.exit(1)


def _engine(name: str, workers: int, address: str | None) -> "Engine":
    if name == "local":
        from spacy_llama_ner.annotation.local import annotate_here

        return annotate_here
    try:
        from spacy_llama_ner.annotation.ray_data import annotate_on_ray
    except ModuleNotFoundError as e:
        if e.name != "ray":
            raise
        raise ValueError("--engine ray needs Ray: pip install 'spacy-llama-ner[ray]'") from e
    return partial(annotate_on_ray, workers=workers, address=address)


def _show(summary: "Summary", output: Path) -> None:
    counts = summary.counts
    done = counts.records - counts.problems
    rows = [
        ("records", f"{counts.records:,}"),
        ("annotated", f"{done:,}"),
        ("skipped", f"{counts.problems:,}"),
    ]
    rows += [("words", f"{counts.words:,}"), ("entities", f"{counts.ents:,}")]
    if summary.resumed.records:
        rows.append(("done by earlier runs", f"{summary.resumed.records:,}"))
    rows.append(("seconds, loading included", f"{summary.seconds:,.1f}"))
    msg.table(rows, aligns=("l", "r"))
    for note in summary.notes:
        msg.warn(note)
    if summary.errors is not None:
        header = ("skipped", "count", "first at", "there")
        problems = [
            (kind.kind, f"{kind.count:,}", f"{kind.first.number:,}", " ".join(kind.first.reason.split())[:60])
            for kind in summary.kinds
        ]
        msg.table(problems, header=header, aligns=("l", "r", "r", "l"), divider=True, max_col=70)
        msg.warn(f"{counts.problems:,} of {counts.records:,} records were skipped; see {summary.errors}")
    if done or not counts.records:
        msg.good(f"Saved {done:,} annotated records to {output}")
    else:
        msg.fail(f"No record could be annotated; {output} is empty")
