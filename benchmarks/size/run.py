"""Measure what a pipeline on a backbone of real size costs on a CPU, and hold it against bars.

    python benchmarks/size/run.py                  the shape of Llama-3.2-1B: 1.24B parameters, minutes
    python benchmarks/size/run.py --shape tiny     the same with a tiny one: seconds, run by `make test`

Makes a backbone of random weights in sharded safetensors (see `make_backbone.py`), 2.5 GB on disk. One process loads
it by the recipe of configs/llama-3.2-1b.cfg (LoRA, frozen, bfloat16), trains 3 steps on 2 texts of 64 pieces, predicts
and saves. Another loads that back, predicts and compares. Prints each figure with its bar, writes them as JSON, and
exits with 1 if a bar is missed.

Memory is the peak of the resident set, mapped files and libraries included (see `benchmark/memory.py` of the
package). torch has one thread, unless OMP_NUM_THREADS says otherwise. Times hold for files that the system has in
memory already, as the backbone after it was made. Linux only.
"""

import argparse
import json
import math
import os
import platform
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from transformers import LlamaConfig
from wasabi import Printer, table

from spacy_llama_ner.benchmark import memory
from spacy_llama_ner.benchmark.make_backbone import SHAPES, make_backbone, tensor_shapes

ROOT = Path(__file__).parents[2]
PHASES = Path(__file__).with_name("phases.py")
GB = 1e9
# From so many bytes on, what loading needs beside the weights (tokenizer, adapters, caches) is small change.
LARGE = GB
MAX_LOAD_RATIO = 1.15
DISTRIBUTIONS = ("torch", "transformers", "safetensors", "peft", "spacy", "thinc", "spacy-llama-ner")

msg = Printer()


@dataclass
class Figure:
    """One line of the result.

    name (str): What was measured.
    measured (str): The figure, with its unit.
    bar (str): What it must be; empty if it is only for the record.
    passed (bool): Whether it is.
    """

    name: str
    measured: str
    bar: str = ""
    passed: bool = True


def measure(backbone: Path, work: Path) -> dict[str, Any]:
    """Run both phases, each in a process of its own.

    backbone (Path): From `make_backbone`.
    work (Path): An empty folder for pipeline and reports.
    RETURNS (dict): The reports "train" and "load", with the memory that was sampled from outside.
    RAISES (ValueError): If a phase fails; it has printed why.
    """
    reports = {}
    for phase in ("train", "load"):
        command = [sys.executable, str(PHASES), phase, str(backbone), str(work)]
        status, sampled = memory.run(command)
        if status:
            raise ValueError(f"the phase {phase!r} failed with exit status {status}: {' '.join(command)}")
        report = json.loads((work / f"{phase}.json").read_text(encoding="utf8"))
        reports[phase] = {**report, "sampled": asdict(sampled)}
    return reports


def compare(reports: dict[str, Any], *, parameters: int, max_peak: float, max_save: float) -> list[Figure]:
    """Hold what was measured against the bars.

    reports (dict): From `measure`.
    parameters (int): How many the backbone must have.
    max_peak (float): Bar of the peak memory, in bytes.
    max_save (float): Bar of the time to save, in seconds.
    RETURNS (List[Figure]): In the order of the table.
    """
    train, load, steps = reports["train"], reports["load"], reports["train"]["steps"]
    weights = train["weight_bytes"]
    losses, norms = [step["loss"] for step in steps], [step["grad_norm"] for step in steps]
    net = (load["load_peak"] - load["memory_before"]) / weights
    peak_bar = f"< {max_peak / GB:g} GB"
    return [
        Figure(
            "parameters", f"{train['parameters']:,}", f"{parameters:,}", train["parameters"] == parameters
        ),
        Figure("weights", _gb(weights)),
        Figure("peak: load, train, predict, save", _gb(train["peak"]), peak_bar, train["peak"] < max_peak),
        Figure("peak: load back, predict", _gb(load["peak"]), peak_bar, load["peak"] < max_peak),
        Figure(
            "save", f"{train['save_seconds']:.2f} s", f"< {max_save:g} s", train["save_seconds"] < max_save
        ),
        Figure(
            "pieces of each batch",
            ", ".join(f"{rows} x {pieces}" for rows, pieces in train["batches"]),
            "2 x 64, 3 times",
            train["batches"] == [[2, 64]] * 3,
        ),
        Figure(
            "loss of each step",
            ", ".join(f"{loss:.3f}" for loss in losses),
            "finite",
            all(map(math.isfinite, losses)),
        ),
        Figure(
            "gradient norm of each step",
            ", ".join(f"{norm:.3g}" for norm in norms),
            "> 0, finite",
            all(0 < norm < math.inf for norm in norms),
        ),
        Figure(
            "adapters changed by training",
            f"{train['adapters_changed']} of {train['adapters']}",
            "all",
            0 < train["adapters"] == train["adapters_changed"],
        ),
        Figure(
            "emissions loaded back, difference",
            f"{load['emission_difference']:g}",
            "0",
            load["words"] > 0 == load["emission_difference"],
        ),
        Figure(
            "entities loaded back",
            f"{load['entities']}, {'equal' if load['entities_equal'] else 'different'}",
            "> 0, equal",
            load["entities"] > 0 and load["entities_equal"],
        ),
        Figure(
            "adapters, head, CRF loaded back, bit-equal",
            f"{load['weights_equal']} of {load['weights']}",
            "all",
            0 < load["weights"] == load["weights_equal"],
        ),
        Figure(
            "spacy.load: peak without libraries / weights",
            f"{net:.3f}",
            f"<= {MAX_LOAD_RATIO}" if weights >= LARGE else "",
            weights < LARGE or net <= MAX_LOAD_RATIO,
        ),
        Figure("spacy.load: peak / weights", f"{load['load_peak'] / weights:.3f}"),
        Figure("spacy.load: libraries alone", _gb(load["memory_before"])),
        Figure("spacy.load: time", f"{load['load_seconds']:.1f} s"),
        Figure("nlp.initialize: peak", _gb(train["load_peak"])),
        Figure("nlp.initialize: time", f"{train['load_seconds']:.1f} s"),
        Figure("train: own pages, mapped files", _sampled(train)),
        Figure("load: own pages, mapped files", _sampled(load)),
        Figure("time of each step", ", ".join(f"{step['seconds']:.1f}" for step in steps) + " s"),
        Figure("predict", f"{load['predict_seconds']:.1f} s"),
        Figure("saved pipeline", f"{train['saved_bytes'] / 1e6:.1f} MB"),
    ]


def environment() -> dict[str, Any]:
    """RETURNS (dict): What the figures depend on."""
    return {
        "platform": platform.platform(),
        "python": platform.python_version(),
        "cpus": os.cpu_count(),
        "threads": os.environ.get("OMP_NUM_THREADS", "1"),
        **{name: version(name) for name in DISTRIBUTIONS},
    }


def show(figures: list[Figure]) -> None:
    """Print the table."""
    rows = [
        (
            figure.name,
            figure.measured,
            figure.bar,
            ("ok" if figure.passed else "MISSED") if figure.bar else "",
        )
        for figure in figures
    ]
    print(table(rows, header=("", "measured", "bar", ""), divider=True, max_col=60))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command.

    arguments (Optional[Sequence[str]]): By default those of the command line.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--shape", choices=SHAPES, default="llama-3.2-1b")
    parser.add_argument(
        "--backbone",
        type=Path,
        help="folder of the backbone, made if it is not there; default: a temporary one",
    )
    parser.add_argument("--output", type=Path, help="JSON to write; default: metrics/size/SHAPE.json")
    parser.add_argument(
        "--max-peak", type=float, default=5.0, help="bar of the peak memory, in GB (10^9 bytes)"
    )
    parser.add_argument("--max-save", type=float, default=5.0, help="bar of the time to save, in seconds")
    options = parser.parse_args(arguments)
    output = options.output or ROOT / "metrics" / "size" / f"{options.shape}.json"
    sizes = tensor_shapes(LlamaConfig(**SHAPES[options.shape])).values()
    with tempfile.TemporaryDirectory(prefix="size-") as temporary:
        backbone = options.backbone or Path(temporary) / "backbone"
        if not (backbone / "model.safetensors.index.json").is_file():  # what is written last
            msg.info(f"Making a backbone of shape {options.shape} in {backbone}")
            make_backbone(backbone, options.shape)
        work = Path(temporary) / "work"
        work.mkdir()
        try:
            reports = measure(backbone, work)
        except ValueError as error:
            msg.fail("Nothing was measured", error, exits=1)
    figures = compare(
        reports,
        parameters=sum(size.numel() for size in sizes),
        max_peak=options.max_peak * GB,
        max_save=options.max_save,
    )
    show(figures)
    missed = [figure.name for figure in figures if not figure.passed]
    result = {
        "shape": options.shape,
        "passed": not missed,
        "figures": [asdict(figure) for figure in figures],
        "environment": environment(),
        **reports,
    }
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(result, indent=2), encoding="utf8")
    msg.info(f"Written to {output}")
    if missed:
        msg.fail(f"Missed: {'; '.join(missed)}", exits=1)
    msg.good("Every bar is met")


def _gb(size: float) -> str:
    return f"{size / GB:.2f} GB"


def _sampled(report: dict[str, Any]) -> str:
    return f"{_gb(report['sampled']['anonymous'])}, {_gb(report['sampled']['file'])}"


if __name__ == "__main__":
    main()
