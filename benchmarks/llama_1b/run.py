"""Measure training and prediction at the size of Llama-3.2-1B, beside transformers and peft, on a GPU or a CPU.

    python benchmarks/llama_1b/run.py OUTPUT.json --gpu-id 0 --steps 50                the whole shape, on a GPU
    python benchmarks/llama_1b/run.py OUTPUT.json --layers 2 --steps 4 --read 16      two of its layers, on a CPU

Random weights of the shape (see spacy_llama_ner/benchmark/make_backbone.py) in bfloat16, invented sentences of
CoNLL-2003's lengths. Each cell is a process of its own: causal or bidirectional attention, LoRA or the last four layers
trained, gradient checkpointing off or on; and the rival, `LlamaForTokenClassification` with peft's LoRA. A rate is the
median of the steps, memory the peak of training. Then both sides hold the weights in one process and take
turns on the same sentences: a ratio is the median over these pairs.

Times begin with words: both make pieces and labels of them inside of the time. Training counts all of `nlp.update`,
the CRF and thinc's optimizer included; prediction all of `nlp.pipe` from raw text to entities with scores, where
the rival gets words that are already split, and stops at the likeliest tags.

Exits with 1 if ours is slower by more than 5%, which is taken for noise.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

from measure import Spec
from sides import OURS, SETTINGS, THEIRS, Cell, use_device
from tables import show
from transformers import LlamaConfig
from wasabi import msg

from spacy_llama_ner.benchmark.make_backbone import SHAPES, tensor_shapes, write_tokenizer, write_weights
from spacy_llama_ner.comparison.machine import describe_machine
from spacy_llama_ner.replacement import write_whole

MEASURE = Path(__file__).with_name("measure.py")
UNFROZEN = 4
READ = SETTINGS["nlp"]["batch_size"]
LEAST_RATIO = 0.95  # what is below 1 by less is taken for noise


def main(arguments: list[str] | None = None) -> None:
    """Run the command.

    arguments (Optional[List[str]]): By default those of the command line.
    """
    options = parse(arguments)
    try:
        use_device(options.gpu_id)
    except ValueError as error:
        msg.fail(f"Cannot measure on GPU {options.gpu_id}", error, exits=1)
    config = LlamaConfig(architectures=["LlamaForCausalLM"], **SHAPES[options.shape])
    config.num_hidden_layers = options.layers or config.num_hidden_layers
    results: dict[str, Any] = {
        "machine": describe_machine(gpu_id=options.gpu_id) | {"peft": version("peft")},
        "shape": options.shape,
        "layers": config.num_hidden_layers,
        "parameters": sum(size.numel() for size in tensor_shapes(config).values()),
        "batch": options.batch,
        "steps": options.steps,
        "read": options.read,
        "least_ratio": LEAST_RATIO,
    }
    with tempfile.TemporaryDirectory(prefix="llama-1b-") as temporary:
        backbone = Path(temporary) / "backbone"
        msg.info(f"Making {results['parameters']:,} random weights")
        make_backbone(backbone, config)
        try:
            results["cells"] = list(measure_cells(backbone, config.num_hidden_layers, options))
            results["turns"] = list(measure_turns(backbone, options))
        except subprocess.CalledProcessError as error:
            msg.fail("A measurement failed, see above", f"exit status {error.returncode}", exits=1)
    slower = [turn["work"] for turn in results["turns"] if turn["ratio"] < LEAST_RATIO]
    results["passed"] = not slower
    options.output.parent.mkdir(parents=True, exist_ok=True)
    write_whole(options.output, (json.dumps(results, indent=2) + "\n").encode())
    show(results)
    msg.info(f"Written to {options.output}")
    if slower:
        msg.fail(f"Ours is slower by more than {1 - LEAST_RATIO:.0%}: {'; '.join(slower)}", exits=1)
    msg.good(f"Ours is not slower; the bar is {LEAST_RATIO:g} times their speed")


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """RETURNS (Namespace): The options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("output", type=Path, help="JSON to write")
    parser.add_argument("--gpu-id", type=int, default=-1, help="the GPU; -1 for the CPU")
    parser.add_argument("--shape", choices=SHAPES, default="llama-3.2-1b")
    parser.add_argument(
        "--layers", type=int, default=0, help="so many layers in place of the shape's; 0 for those"
    )
    parser.add_argument("--steps", type=int, default=20, help="training steps, and readings, of each cell")
    parser.add_argument("--batch", type=int, default=8, help="sentences of a training step")
    parser.add_argument("--read", type=int, default=READ, help="sentences of a reading")
    options = parser.parse_args(arguments)
    for name, least in (("layers", 0), ("steps", 1), ("batch", 1), ("read", 1)):
        if getattr(options, name) < least:
            parser.error(f"--{name}: expected a number from {least}, got {getattr(options, name)}")
    return options


def make_backbone(folder: Path, config: LlamaConfig) -> None:
    """Write random weights of a shape, and a tokenizer.

    folder (Path): Created.
    config (LlamaConfig): The shape.
    """
    folder.mkdir()
    config.save_pretrained(str(folder))
    write_tokenizer(folder, config.vocab_size)
    write_weights(folder, tensor_shapes(config), seed=0)


def measure_cells(backbone: Path, layers: int, options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Measure each cell alone.

    backbone (Path): The folder.
    layers (int): How many it has.
    options (Namespace): From `parse`.
    YIELDS (dict): The cell's fields; `words_per_second` of training and of `prediction` (None where it is that of
        another cell), medians; `memory` in bytes.
    """
    for cell in all_cells(min(UNFROZEN, layers)):
        msg.text(describe(cell))
        predict = not cell.unfrozen and not cell.checkpointing
        report = run(backbone, [cell], options, predict=predict)
        yield {
            **asdict(cell),
            "words_per_second": median(report["train"][0]),
            "prediction": median(report["read"][0]) if predict else None,
            "memory": report["memory"],
        }


def all_cells(unfrozen: int) -> Iterator[Cell]:
    """YIELDS (Cell): The rows of the table, with so many layers unfrozen where it is not LoRA."""
    for attention in ("causal", "bidirectional"):
        for layers in (0, unfrozen):
            for checkpointing in (False, True):
                yield Cell(OURS, attention, layers, checkpointing)
    for checkpointing in (False, True):
        yield Cell(THEIRS, checkpointing=checkpointing)


def measure_turns(backbone: Path, options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Let both sides take turns, in causal attention with LoRA.

    backbone (Path): The folder.
    options (Namespace): From `parse`.
    YIELDS (dict): `work`; `ours` and `theirs`, medians of words per second; `ratio`, the median of `ratios`, those of
        ours to theirs in each pair of turns.
    """
    for checkpointing in (False, True):
        cells = [Cell(side, checkpointing=checkpointing) for side in (OURS, THEIRS)]
        msg.text(f"{describe(cells[0])} in turns with {describe(cells[1])}")
        report = run(backbone, cells, options, predict=not checkpointing)
        yield compare("training, checkpointing" if checkpointing else "training", *report["train"])
        if report["read"] is not None:
            yield compare("prediction", *report["read"])


def compare(work: str, ours: list[float], theirs: list[float]) -> dict[str, Any]:
    """RETURNS (dict): See `measure_turns`."""
    ratios = [own / other for own, other in zip(ours, theirs, strict=True)]
    return {
        "work": work,
        "ours": median(ours),
        "theirs": median(theirs),
        "ratio": median(ratios),
        "ratios": ratios,
    }


def run(backbone: Path, cells: list[Cell], options: argparse.Namespace, *, predict: bool) -> dict[str, Any]:
    """RETURNS (dict): What `measure` returns, from a new process."""
    spec = Spec(
        cells,
        batch=options.batch,
        steps=options.steps,
        gpu_id=options.gpu_id,
        read=options.read if predict else 0,
    )
    with tempfile.TemporaryDirectory() as temporary:
        report = Path(temporary) / "report.json"
        subprocess.run([sys.executable, MEASURE, backbone, report, spec.to_json()], check=True)
        return json.loads(report.read_text(encoding="utf8"))


def describe(cell: Cell) -> str:
    """RETURNS (str): A cell in words."""
    trained = f"last {cell.unfrozen} layers" if cell.unfrozen else "LoRA"
    return f"{cell.side}: {cell.attention}, {trained}{', checkpointing' if cell.checkpointing else ''}"


if __name__ == "__main__":
    main()
