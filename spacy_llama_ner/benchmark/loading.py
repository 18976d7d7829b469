"""`spacy.load` and `to_disk`: time, and the peak of memory beside what the weights take; and the import."""

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from spacy_llama_ner.benchmark import memory
from spacy_llama_ner.benchmark.figures import Figure, make_report
from spacy_llama_ner.evaluation.tables import Table

MOST_PEAK = 1.15
MOST_IMPORT = 50.0  # ms
MEGABYTE = 1e6
PROCESS = "spacy_llama_ner.benchmark.loading_process"
# One after the other in a new process: what the second takes is what it adds to the first. The factory is what spaCy
# imports by its entry point where a pipeline is created.
MODULES = ("spacy", "spacy_llama_ner", "spacy_llama_ner.pipeline.factory")
IMPORTS = """
import importlib, json, sys, time
seconds = []
for name in sys.argv[1:]:
    start = time.perf_counter()
    importlib.import_module(name)
    seconds.append(time.perf_counter() - start)
print(json.dumps(seconds))
"""


@dataclass(frozen=True)
class Cell:
    """A pipeline that is loaded and saved.

    name (str): What the report calls it.
    config (Path): A training config with the component `llama_crf_ner`.
    backbone (Path): A Hugging Face folder.
    inside (bool): Whether the backbone is saved in the pipeline.
    has_bar (bool): Whether its peaks are held against the bar.
    """

    name: str
    config: Path
    backbone: Path
    inside: bool
    has_bar: bool = True


def measure_loading(
    cells: Sequence[Cell], *, rounds: int, import_rounds: int, work: Path, settings: dict[str, Any]
) -> dict[str, Any]:
    """Load and save untrained pipelines in turns, each time in a new process, and import the package in others.

    cells (Sequence[Cell]): The pipelines.
    rounds (int): How often each is loaded, and loaded and saved.
    import_rounds (int): Processes that import.
    work (Path): A folder that may be filled: the pipelines, and one copy at a time.
    settings (dict): What a reader needs to repeat it, beside these numbers.
    RETURNS (dict): A report, see `make_report`.
    RAISES (ValueError): If this is not Linux, or a process fails; it has printed why.
    """
    memory.read("VmHWM")  # says at once where there is none
    folders = {cell: work / str(number) for number, cell in enumerate(cells)}
    for cell, folder in folders.items():
        paths = (str(cell.config), str(cell.backbone), str(folder))
        run_process("make", *paths, *(["--inside"] if cell.inside else []), report=work / "report.json")
    runs: dict[Cell, dict[str, list[dict[str, Any]]]] = {cell: {"load": [], "save": []} for cell in cells}
    for _ in range(rounds):
        for cell, folder in folders.items():
            copy = work / "copy"
            runs[cell]["load"].append(run_process("load", str(folder), report=work / "report.json"))
            runs[cell]["save"].append(
                run_process("save", str(folder), str(copy), report=work / "report.json")
            )
            shutil.rmtree(copy)
    milliseconds = [time_imports() for _ in range(import_rounds)]
    by_name = {
        cell.name: {job: middle(reports) for job, reports in jobs.items()} for cell, jobs in runs.items()
    }
    return make_report(
        "loading",
        figures(
            {cell.name: by_name[cell.name] for cell in cells if cell.has_bar},
            median(own for _, own, _ in milliseconds),
        ),
        [*tables(by_name, rounds), import_table(milliseconds)],
        settings={**settings, "rounds": rounds, "import_rounds": import_rounds},
    )


def run_process(job: str, *arguments: str, report: Path) -> dict[str, Any]:
    """Run one measurement in a process of its own.

    job (str): See `loading_process`.
    arguments (str): Its others.
    report (Path): A file for what it reports.
    RETURNS (dict): That, and `anonymous`: the most of its own pages that were seen, in bytes.
    RAISES (ValueError): If it fails; it has printed why.
    """
    command = [sys.executable, "-m", PROCESS, job, str(report), *arguments]
    status, sampled = memory.run(command)
    if status:
        raise ValueError(f"a measurement failed with exit status {status}: {' '.join(command)}")
    return {**json.loads(report.read_text(encoding="utf8")), "anonymous": sampled.anonymous}


def time_imports() -> list[float]:
    """RETURNS (list[float]): Milliseconds that each of `MODULES` takes in a new process, after those before it."""
    command = [sys.executable, "-c", IMPORTS, *MODULES]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return [1000 * seconds for seconds in json.loads(done.stdout)]


def middle(reports: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Take the medians of one job's runs.

    reports (Sequence[dict]): From `run_process`.
    RETURNS (dict): `seconds`; `weights`, `peak` and `own` in bytes, the last two beyond the libraries: all that was
        resident, and the process's own pages alone; `written`, bytes of all files, for a job that writes.
    """
    return {
        "seconds": median(report["seconds"] for report in reports),
        "weights": reports[0]["weights"],
        "written": reports[0].get("written", 0),
        "peak": median(report["peak"] - report["libraries"] for report in reports),
        "own": median(report["anonymous"] - report["libraries_anonymous"] for report in reports),
    }


def figures(cells: dict[str, dict[str, dict[str, float]]], import_milliseconds: float) -> list[Figure]:
    """Hold what was measured against the bars.

    cells (dict): What `middle` gives, by name and job.
    import_milliseconds (float): What the import of the package adds to spaCy's.
    RETURNS (list[Figure]): Peaks over the weights' own size, and the import.
    """
    found = [
        Figure(
            f"{name}: peak of {shown}, of the weights",
            job["peak"] / job["weights"],
            MOST_PEAK,
            "x",
            least=False,
        )
        for name, jobs in cells.items()
        for shown, job in (("spacy.load", jobs["load"]), ("to_disk", jobs["save"]))
    ]
    name = "import spacy_llama_ner, beyond spaCy's own"
    return [*found, Figure(name, import_milliseconds, MOST_IMPORT, "ms", least=False)]


def tables(cells: dict[str, dict[str, dict[str, float]]], rounds: int) -> list[Table]:
    """RETURNS (list[Table]): Times, and peaks with what they are made of."""
    times = [
        (
            name,
            _megabytes(jobs["load"]["weights"]),
            _megabytes(jobs["save"]["written"]),
            f"{jobs['load']['seconds']:.2f}",
            f"{jobs['save']['seconds']:.2f}",
        )
        for name, jobs in cells.items()
    ]
    peaks = [
        (
            name,
            _megabytes(jobs["load"]["weights"]),
            *(_megabytes(jobs[job][kind]) for job in ("load", "save") for kind in ("peak", "own")),
        )
        for name, jobs in cells.items()
    ]
    return [
        Table(
            "Time",
            ("", "weights, MB", "files, MB", "spacy.load, s", "to_disk, s"),
            times,
            [
                f"Medians over new processes, {rounds} each, in turns, by the clock; files that the system has in "
                "memory. Libraries were imported before, but for what they import as it is used."
            ],
        ),
        Table(
            "Peak of memory beyond the libraries, MB",
            ("", "weights", "spacy.load", "anonymous", "load and to_disk", "anonymous"),
            peaks,
            [
                "The most that was resident (`VmHWM`), mapped files included, less what was when spacy, torch, "
                "transformers and peft were imported. Anonymous pages are the process's own, seen every 20 ms, less "
                "those of then; the rest are pages of mapped files, which the system can take back."
            ],
        ),
    ]


def import_table(milliseconds: Sequence[Sequence[float]]) -> Table:
    """RETURNS (Table): What each of `MODULES` took after those before it, from `time_imports` of several processes."""
    rows = [
        (
            name,
            f"{median(times):,.1f}",
            f"{min(times):,.1f} to {max(times):,.1f}",
        )
        for name, times in zip(MODULES, zip(*milliseconds, strict=True), strict=True)
    ]
    note = (
        f"Each after those above it, in {len(milliseconds)} new processes; median and range. The last is what spaCy "
        "imports by its entry point where a pipeline has the component."
    )
    return Table("Import, ms", ("", "median", "range"), rows, [note])


def _megabytes(size: float) -> str:
    return f"{size / MEGABYTE:,.1f}" if size < 100 * MEGABYTE else f"{size / MEGABYTE:,.0f}"
