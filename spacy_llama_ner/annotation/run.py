"""Run a job from its beginning, or from where it was stopped, to its output."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from spacy_llama_ner.annotation.job import Job
from spacy_llama_ner.annotation.journal import Counts, Journal
from spacy_llama_ner.annotation.outputs import assemble, open_part
from spacy_llama_ner.annotation.types import Annotated, Problem
from spacy_llama_ner.replacement import replace_folder

Engine = Callable[[Job, Counts], Iterator[Annotated]]


@dataclass(frozen=True)
class Kind:
    """Bad records of one kind.

    kind (str): The kind.
    count (int): How many there are.
    first (Problem): The first one.
    """

    kind: str
    count: int
    first: Problem


@dataclass(frozen=True)
class Summary:
    """What came of a job.

    counts (Counts): Of all runs.
    resumed (Counts): What earlier runs had done.
    seconds (float): Of this run.
    kinds (list[Kind]): The bad records.
    errors (Optional[Path]): The file that lists them, if there are any.
    notes (list[str]): What the user should know of the output.
    """

    counts: Counts
    resumed: Counts
    seconds: float
    kinds: list[Kind]
    errors: Path | None
    notes: list[str]


def errors_path(output: Path) -> Path:
    """RETURNS (Path): Where the bad records of an output are listed."""
    return output.with_name(f"{output.name}.errors.jsonl")


def run_job(
    job: Job,
    engine: Engine,
    *,
    overwrite: bool = False,
    begin: Callable[[Counts], None] = lambda counts: None,
    progress: Callable[[Counts], None] = lambda counts: None,
) -> Summary:
    """Annotate a source, and put the output in place once it is whole.

    job (Job): What to do.
    engine (Callable): Annotates what is left of a job, batch by batch, in order.
    overwrite (bool): Begin anew, and replace an output.
    begin (Callable): Called once with what is done already.
    progress (Callable): Called after each batch with what is done.
    RETURNS (Summary): Counts.
    RAISES (OSError): If something cannot be read or written; what is done stays.
    RAISES (ValueError): If the input, the model or what is already there does not fit.
    """
    job.source.check()
    check_output(job)
    start = time.perf_counter()
    identity = job.identity()
    job.output.parent.mkdir(parents=True, exist_ok=True)
    journal = Journal(job.output)
    counts = journal.open(identity, overwrite=overwrite, exists=job.output.exists())
    try:
        resumed = Counts(**asdict(counts))
        begin(resumed)
        _write_parts(job, journal, counts, engine(job, resumed), progress)
        notes, kinds = _put_in_place(job, journal)
    finally:
        journal.close()
    errors = errors_path(job.output) if kinds else None
    return Summary(counts, resumed, time.perf_counter() - start, kinds, errors, notes)


def check_output(job: Job) -> None:
    """Look whether the output can be put in its place, before any work is done.

    RAISES (ValueError): If it is the input, a folder where a file is to be or the other way round, or a folder that
        holds anything but .spacy files and would be replaced with all of it.
    """
    output = job.output
    if output == Path(job.source.path).resolve():
        raise ValueError(f"{output} is the input: choose another name for the output.")
    if not output.exists():
        return
    if output.is_dir() != (job.output_format == "folder"):
        here, wanted = ("folder", "file") if output.is_dir() else ("file", "folder")
        raise ValueError(f"{output} is a {here}, and the output is to be a {wanted}: choose another name.")
    if output.is_dir() and (others := [path.name for path in output.iterdir() if path.suffix != ".spacy"]):
        raise ValueError(
            f"{output} holds more than .spacy files, such as {others[0]}: it will not be replaced; "
            "choose another name."
        )


def _write_parts(
    job: Job,
    journal: Journal,
    counts: Counts,
    results: Iterator[Annotated],
    progress: Callable[[Counts], None],
) -> None:
    number = journal.parts()
    writer, problems = None, []
    for result in results:
        if result.index != counts.batches:
            raise RuntimeError(f"Batch {result.index} came where batch {counts.batches} was expected.")
        writer = writer or open_part(job, journal.draft())
        writer.add(result)
        problems += result.problems
        counts.add(result)
        progress(counts)
        if counts.batches % job.part_batches == 0:
            writer.close()
            journal.commit(number, counts, problems)
            number, writer, problems = number + 1, None, []
    if writer is not None:
        writer.close()
        journal.commit(number, counts, problems)


def _put_in_place(job: Job, journal: Journal) -> tuple[list[str], list[Kind]]:
    """Write the list of errors, then the output; a kill before the end leaves all that is needed to do it again."""
    draft = journal.draft()
    kinds: dict[str, Kind] = {}
    with draft.open("w", encoding="utf8") as file:
        for problem in journal.problems():
            file.write(json.dumps(asdict(problem), ensure_ascii=False) + "\n")
            known = kinds.get(problem.kind, Kind(problem.kind, 0, problem))
            kinds[problem.kind] = Kind(problem.kind, known.count + 1, known.first)
    errors = errors_path(job.output)
    if kinds:
        draft.replace(errors)
    else:
        draft.unlink()
        errors.unlink(missing_ok=True)
    notes = assemble(job, [journal.data(number) for number in range(journal.parts())], draft)
    if job.output_format == "folder":
        replace_folder(draft, job.output)
    else:
        draft.replace(job.output)
    journal.remove()
    return notes, sorted(kinds.values(), key=lambda kind: -kind.count)
