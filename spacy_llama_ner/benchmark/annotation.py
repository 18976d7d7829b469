"""`annotate` in this process and on Ray: speed once it runs, what one more worker brings, and the same bytes."""

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from spacy_llama_ner.annotation.job import Job
from spacy_llama_ner.annotation.journal import Counts
from spacy_llama_ner.annotation.local import annotate_here
from spacy_llama_ner.annotation.run import Engine, run_job
from spacy_llama_ner.annotation.source import Source
from spacy_llama_ner.benchmark.figures import Figure, make_report
from spacy_llama_ner.evaluation.tables import Table

LEAST_SCALING = 1.5
HERE = "in this process"


@dataclass
class Watch:
    """When a run's batches came.

    started (float): When it began.
    first (float): When its first batch was there.
    words_first, words (int): Words up to then, and in all.
    last (float): When the last one was.
    """

    started: float = field(default_factory=time.perf_counter)
    first: float = 0.0
    words_first: int = 0
    words: int = 0
    last: float = 0.0

    def see(self, counts: Counts) -> None:
        """Take notice of a batch."""
        self.last, self.words = time.perf_counter(), counts.words
        if not self.first:
            self.first, self.words_first = self.last, self.words

    @property
    def words_per_second(self) -> float:
        """RETURNS (float): After the first batch, which has waited for the pipeline to load."""
        return (self.words - self.words_first) / (self.last - self.first)


def measure_annotation(
    model: str, texts: Sequence[str], *, words: int, rounds: int, batch_size: int, work: Path
) -> dict[str, Any]:
    """Annotate one file in this process, and on Ray with 1 and with 2 workers, in turns.

    model (str): The pipeline: a folder or an installed package's name.
    texts (Sequence[str]): A record each; they are repeated, with a number in front, until there are enough words.
    words (int): How many, as they are split at spaces.
    rounds (int): How often each runs.
    batch_size (int): Records annotated at once.
    work (Path): A folder that may be filled.
    RETURNS (dict): A report, see `make_report`.
    RAISES (ValueError): If there are no texts, or Ray cannot be had.
    """
    from spacy_llama_ner.annotation.ray_data import annotate_on_ray

    records = repeat(texts, words)
    source = work / "texts.txt"
    source.write_text("".join(f"{record}\n" for record in records), encoding="utf8")
    engines: dict[str, Engine] = {
        HERE: annotate_here,
        "Ray, 1 worker": partial(annotate_on_ray, workers=1),
        "Ray, 2 workers": partial(annotate_on_ray, workers=2),
    }
    watches: dict[str, list[Watch]] = {name: [] for name in engines}
    outputs = set()
    for _ in range(rounds):
        for name, engine in engines.items():
            output = work / "out.jsonl"
            job = Job(model, Source(str(source), "txt"), output, "jsonl", batch_size, part_batches=32)
            watch = Watch()
            run_job(job, engine, overwrite=True, progress=watch.see)
            watches[name].append(watch)
            outputs.add(output.read_bytes())
    speeds = {name: statistics.median(watch.words_per_second for watch in watches[name]) for name in engines}
    rows = [
        (
            name,
            f"{speeds[name]:,.0f}",
            f"{statistics.median(watch.first - watch.started for watch in watches[name]):.1f}",
        )
        for name in engines
    ]
    notes = [
        f"{len(records):,} records, batches of {batch_size}, medians of {rounds}. One thread in each process; "
        "Ray also has one process that reads the file and one that writes the output."
    ]
    return make_report(
        "annotate",
        [
            Figure("2 workers, against 1", speeds["Ray, 2 workers"] / speeds["Ray, 1 worker"], LEAST_SCALING),
            Figure("different outputs of all runs", len(outputs), 1, "", least=False),
        ],
        [Table("Speed", ("", "words/s, once running", "first batch after, s"), rows, notes)],
        settings={"words": words, "records": len(records), "rounds": rounds, "batch_size": batch_size},
    )


def repeat(texts: Sequence[str], words: int) -> list[str]:
    """Repeat texts until there are enough words.

    texts (Sequence[str]): Each becomes one line.
    words (int): How many are enough, as they are split at spaces.
    RETURNS (list[str]): Records, in which a number tells the repetitions apart.
    RAISES (ValueError): If no text has a word.
    """
    lines = [" ".join(text.split()) for text in texts if text.strip()]
    if not lines:
        raise ValueError("Expected texts to annotate, got none with a word.")
    records: list[str] = []
    count = 0
    while count < words:
        record = f"{len(records) // len(lines)} {lines[len(records) % len(lines)]}"
        records.append(record)
        count += len(record.split())
    return records
