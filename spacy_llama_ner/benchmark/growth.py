"""Words per second and peak memory over the size of a document and of a corpus."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

from spacy_llama_ner.benchmark.figures import Figure, make_report
from spacy_llama_ner.benchmark.growth_cell import CORPUS, DOCUMENT, EVERY, MEGABYTE, REFERENCE, Cell, Job
from spacy_llama_ner.evaluation.tables import Table

DOCUMENTS = (100, 1_000, 10_000, 100_000)
CORPORA = (1_000, 10_000, 100_000, 1_000_000)
# Below this a doc has few windows, so that a group of them is not full.
FLAT_FROM = 1_000
LEAST_FLAT = 0.8
MOST_CORPUS_MEMORY = 1.25
# kB of a further token, see docs/benchmarks.md.
MOST_TOKEN_MEMORY = 4.0
KILOBYTE = 10**3


def measure_growth(
    model: str,
    texts: Sequence[str],
    *,
    documents: Sequence[int],
    corpora: Sequence[int],
    seconds: float,
    work: Path,
    progress: Callable[[Cell], None],
) -> dict[str, Any]:
    """Read single documents and streams of articles of several sizes, each in a process of its own.

    model (str): The pipeline: a folder or an installed package's name.
    texts (Sequence[str]): Articles, which are taken in turn.
    documents, corpora (Sequence[int]): Sizes in tokens; two of each or more, of 1,000 tokens at least.
    seconds (float): Each is read again until so much time is measured.
    work (Path): A folder that may be filled.
    progress (Callable): Is called with each cell.
    RETURNS (dict): A report, see `make_report`, with the `cells` beside it, for the plot.
    RAISES (ValueError): If there are too few sizes, or a cell fails.
    """
    sizes = {DOCUMENT: sorted(set(documents)), CORPUS: sorted(set(corpora))}
    for series, found in sizes.items():
        if sum(tokens >= FLAT_FROM for tokens in found) < 2:
            raise ValueError(
                f"Expected two sizes of a {series} or more from {FLAT_FROM:,} tokens on, got {found}."
            )
    file = work / "texts.json"
    file.write_text(json.dumps(list(texts)), encoding="utf8")
    cells = []
    for series, found in sizes.items():
        for tokens in found:
            cells.append(run_cell(Job(series, tokens, model, str(file), seconds), work / "job.json"))
            progress(cells[-1])
    rows = [
        (
            cell.series,
            f"{cell.tokens:,}",
            f"{cell.words_per_second:,.0f}",
            f"{cell.of_reference:.2f}",
            f"{cell.memory / MEGABYTE:,.1f}",
            f"{cell.rounds:,}",
        )
        for cell in cells
    ]
    notes = [
        f"{len(texts):,} articles in turn. Each row is a process of its own, on one thread, with seconds of its own; "
        f"each {EVERY:g} of them it also reads a corpus of {REFERENCE:,} tokens; the next column is the speed divided "
        "by that one's, since what else runs slows both. Memory is the peak beyond what the loaded pipeline holds."
    ]
    report = make_report(
        "growth",
        judge(cells),
        [Table("Growth", ("", "tokens", "words/s", "of the reference", "memory, MB", "rounds"), rows, notes)],
        settings={
            "articles": len(texts),
            "documents": sizes[DOCUMENT],
            "corpora": sizes[CORPUS],
            "seconds": seconds,
        },
    )
    return report | {"cells": [asdict(cell) for cell in cells]}


def run_cell(job: Job, file: Path) -> Cell:
    """Measure a cell in a new process, on one thread.

    job (Job): What to measure.
    file (Path): Is written.
    RAISES (ValueError): If it fails, with the end of what it said.
    """
    file.write_text(json.dumps(asdict(job)), encoding="utf8")
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
    command = [sys.executable, "-m", "spacy_llama_ner.benchmark.growth_cell", str(file)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise ValueError(
            f"The {job.series} of {job.tokens:,} tokens failed with status {done.returncode}:\n{done.stderr[-2000:]}"
        )
    return Cell(**json.loads(done.stdout.splitlines()[-1]))


def judge(cells: Sequence[Cell]) -> list[Figure]:
    """Say how flat the speed is, and how bounded the memory.

    cells (Sequence[Cell]): Of both series, by size; of each two or more from 1,000 tokens on.
    RETURNS (list[Figure]): The slowest size of a series beside the median; the memory of the largest corpus beside that
        of the one before it; and what a further token of a document takes, between the two largest.
    """
    figures = []
    for series, name in ((DOCUMENT, "documents"), (CORPUS, "corpora")):
        speeds = [cell.of_reference for cell in cells if cell.series == series and cell.tokens >= FLAT_FROM]
        figures.append(
            Figure(
                f"{name} of {FLAT_FROM:,} tokens and more: the slowest, of the median speed",
                min(speeds) / median(speeds),
                LEAST_FLAT,
                "",
            )
        )
    before, largest = [cell for cell in cells if cell.series == CORPUS][-2:]
    figures.append(
        Figure(
            f"corpora: memory of {largest.tokens:,} tokens, of that of {before.tokens:,}",
            # Where even the smaller one leaves no trace, nothing grows.
            max(largest.memory, 1) / max(before.memory, 1),
            MOST_CORPUS_MEMORY,
            least=False,
        )
    )
    before, largest = [cell for cell in cells if cell.series == DOCUMENT][-2:]
    figures.append(
        Figure(
            f"documents: memory of a token, from {before.tokens:,} to {largest.tokens:,}",
            (largest.memory - before.memory) / (largest.tokens - before.tokens) / KILOBYTE,
            MOST_TOKEN_MEMORY,
            "kB",
            least=False,
        )
    )
    return figures
