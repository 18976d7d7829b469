"""One measurement, in a process of its own: `run.py` starts it and reads its report.

    python benchmarks/llama_1b/measure.py BACKBONE REPORT.json SPEC       with SPEC a `Spec` as JSON

One cell is measured alone. Two take turns on the same sentences, and their order changes each time: a machine's speed
changes over minutes, and what runs second may find warmer caches.

On a CPU seconds are those that the process itself computes for, on all threads: other jobs on the machine, which it
waits for, do not count. On a GPU they are those of the clock.
"""

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from sentences import Sentence, count_words, make_batches
from sides import Cell, make_side, use_device
from spacy.util import fix_random_seed

from spacy_llama_ner.benchmark import memory

WARM_UP = 2  # steps, and readings, that do not count


@dataclass(frozen=True)
class Spec:
    """What to measure.

    cells (List[Cell]): One, or two that take turns.
    batch (int): Sentences of a training step.
    steps (int): Steps, and readings, that count.
    gpu_id (int): The GPU, or -1 for the CPU.
    read (int): Sentences of a reading; 0 for no prediction.
    """

    cells: list[Cell]
    batch: int
    steps: int
    gpu_id: int
    read: int

    def to_json(self) -> str:
        """RETURNS (str): What `from_json` reads."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Spec":
        """RETURNS (Spec): The same."""
        values = json.loads(text)
        return cls(**{**values, "cells": [Cell(**cell) for cell in values["cells"]]})


def measure(spec: Spec, backbone: Path) -> dict[str, Any]:
    """Measure.

    spec (Spec): What.
    backbone (Path): A Hugging Face folder.
    RETURNS (dict): `train`: words per second of each step, a list for each cell; `read`: the same of each reading, or
        None; `memory`: see `peak_memory`.
    """
    use_device(spec.gpu_id)
    fix_random_seed(0)
    sides = [make_side(cell, backbone) for cell in spec.cells]
    batches = make_batches(WARM_UP + spec.steps, size=spec.batch)
    inputs = [[side.prepare(batch) for batch in batches] for side in sides]
    reset_peak(spec.gpu_id)
    train = time_in_turns(
        [(side.train, own) for side, own in zip(sides, inputs, strict=True)], batches, gpu_id=spec.gpu_id
    )
    peak, read = peak_memory(spec.gpu_id), None
    if spec.read:
        batches = make_batches(WARM_UP + spec.steps, size=spec.read, seed=1)
        read = time_in_turns([(side.read, batches) for side in sides], batches, gpu_id=spec.gpu_id)
    return {"train": train, "read": read, "memory": peak}


def time_in_turns(
    jobs: list[tuple[Callable[[Any], Any], list[Any]]], batches: list[list[Sentence]], *, gpu_id: int
) -> list[list[float]]:
    """Let jobs take turns, batch by batch.

    jobs (List[Tuple[Callable, List]]): What to do with a batch, and each batch as it takes it.
    batches (List[List[Sentence]]): The same batches; their words are counted.
    gpu_id (int): The GPU to wait for, or -1.
    RETURNS (List[List[float]]): Words per second of each batch after the warm-up, by job.
    """
    rates: list[list[float]] = [[] for _ in jobs]
    for number, batch in enumerate(batches):
        for place in range(len(jobs)):
            job = (place + number) % len(jobs)
            work, inputs = jobs[job]
            start = _now(gpu_id)
            work(inputs[number])
            seconds = _now(gpu_id) - start
            if number >= WARM_UP:
                rates[job].append(count_words(batch) / seconds)
    return rates


def reset_peak(gpu_id: int) -> None:
    """Forget the peak so far, that of loading.

    gpu_id (int): The GPU, or -1 for the CPU.
    Source: proc_pid_clear_refs(5): 5 sets VmHWM to what is resident now.
    """
    if gpu_id < 0:
        Path("/proc/self/clear_refs").write_text("5", encoding="utf8")
    else:
        torch.cuda.reset_peak_memory_stats()


def peak_memory(gpu_id: int) -> dict[str, int]:
    """Read the peaks since `reset_peak`.

    gpu_id (int): The GPU, or -1 for the CPU.
    RETURNS (Dict[str, int]): In bytes; on a GPU "allocated" and "reserved" by torch, CuPy's included; else "ram", what
        of the process was resident, and "mapped", what of it at the end are pages of mapped files, weights and
        libraries: how many of those are resident depends on what else the machine does.
    """
    if gpu_id < 0:
        return {"ram": memory.read("VmHWM"), "mapped": memory.read("RssFile")}
    return {
        "allocated": torch.cuda.max_memory_allocated(),
        "reserved": torch.cuda.max_memory_reserved(),
    }


def _now(gpu_id: int) -> float:
    """RETURNS (float): Seconds; on a GPU when it has done all that it was given."""
    if gpu_id < 0:
        return time.process_time()
    torch.cuda.synchronize()
    return time.perf_counter()


def main() -> None:
    """Run one measurement."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("backbone", type=Path)
    parser.add_argument("report", type=Path)
    parser.add_argument("spec", type=Spec.from_json)
    arguments = parser.parse_args()
    report = measure(arguments.spec, arguments.backbone)
    arguments.report.write_text(json.dumps(report), encoding="utf8")


if __name__ == "__main__":
    main()
