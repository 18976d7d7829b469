"""What our component's parts are worth: every combination of attention, last layer and adapters, over seeds."""

import itertools
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import spacy
from spacy.util import load_config
from thinc.api import Config

from spacy_llama_ner.comparison.configs import backbone_files, backbone_name, find_component
from spacy_llama_ner.comparison.measure import score
from spacy_llama_ner.comparison.training import digest_training, train_once
from spacy_llama_ner.evaluation.examples import predict, read_gold

# Overrides of the component's block, by axis and value; the first value minus the second is what an axis makes.
# Without a CRF the loss leaves its term out; the weight says so too.
AXES: dict[str, dict[str, dict[str, Any]]] = {
    "attention": {
        "bidirectional": {"model.attention": "bidirectional"},
        "causal": {"model.attention": "causal"},
    },
    "last layer": {
        "CRF": {"model.use_crf": True},
        "softmax": {"model.use_crf": False, "compound_loss.crf_weight": 0.0},
    },
    "trained": {
        "LoRA": {"model.peft": "lora", "model.freeze_backbone": True},
        "head only": {"model.peft": None, "model.freeze_backbone": True},
    },
}


@dataclass(frozen=True)
class Cell:
    """One training.

    values (tuple[str, ...]): A value of each axis, in the order of AXES.
    seed (int): Of the training.
    """

    values: tuple[str, ...]
    seed: int

    @property
    def name(self) -> str:
        """What it trains, whatever the seed."""
        return ", ".join(self.values)

    @property
    def key(self) -> str:
        """Its name in the results."""
        return f"{self.name}, seed {self.seed}"


@dataclass(frozen=True)
class Plan:
    """What all cells of an ablation share.

    config (Path): Of a pipeline with one `llama_crf_ner`.
    changes (Mapping): Further overrides of it, the same for all cells.
    train, dev (Path): Corpora; the best pipeline is chosen on dev.
    test (Path): The corpus that the cells are scored on; it may be dev.
    """

    config: Path
    changes: Mapping[str, Any]
    train: Path
    dev: Path
    test: Path


def cells(seeds: Sequence[int]) -> list[Cell]:
    """List all trainings.

    seeds (Sequence[int]): Seeds.
    RETURNS (list[Cell]): Seed by seed.
    """
    return [Cell(values, seed) for seed in seeds for values in itertools.product(*AXES.values())]


def make_config(plan: Plan, cell: Cell) -> Config:
    """Make a cell's config.

    plan (Plan): What the cells share.
    cell (Cell): The cell.
    RETURNS (Config): Not interpolated.
    RAISES (ValueError): If the config has no component of ours, or more than one.
    """
    config = load_config(plan.config, interpolate=False)
    prefix = f"components.{find_component(config, plan.config)}."
    overrides = {
        prefix + key: value
        for axis, name in zip(AXES.values(), cell.values, strict=True)
        for key, value in axis[name].items()
    }
    paths = {"paths.train": str(plan.train), "paths.dev": str(plan.dev), "system.seed": cell.seed}
    return load_config(plan.config, overrides={**plan.changes, **overrides, **paths}, interpolate=False)


def training_inputs(plan: Plan, config: Config) -> list[Path]:
    """RETURNS (list[Path]): The files that a cell's training depends on."""
    backbone = backbone_name(config, find_component(config, plan.config))
    return [plan.train, plan.dev, *backbone_files(backbone)]


def digest_cell(plan: Plan, cell: Cell) -> str:
    """Digest what a cell's result depends on: its training's inputs and the corpus it is scored on.

    plan (Plan): What the cells share.
    cell (Cell): The cell.
    RETURNS (str): SHA-256 in hex.
    """
    config = make_config(plan, cell)
    return digest_training(config, [*training_inputs(plan, config), plan.test])


def run_cell(
    plan: Plan, cell: Cell, work: Path, *, gpu_id: int = -1, one_thread: bool = False
) -> dict[str, Any]:
    """Train a cell, or find it trained.

    plan (Plan): What the cells share.
    cell (Cell): The cell.
    work (Path): Folder of the trainings; those of other inputs are left in it.
    gpu_id (int): GPU, or -1 for the CPU.
    one_thread (bool): Let the training use one thread.
    RETURNS (dict): `seconds`, `folder` (of the best pipeline).
    RAISES (ValueError): If the training fails.
    """
    config = make_config(plan, cell)
    inputs = training_inputs(plan, config)
    name = f"{cell.key}, {digest_training(config, inputs)[:8]}"
    folder = work / name.replace(", ", "-").replace(" ", "_")
    training = train_once(config, folder, inputs, gpu_id=gpu_id, one_thread=one_thread)
    return {"seconds": training["seconds"], "folder": str(folder / "model-best")}


def score_cell(plan: Plan, cell: Cell, training: Mapping[str, Any]) -> dict[str, Any]:
    """Score a cell's best pipeline.

    plan (Plan): What the cells share.
    cell (Cell): The cell.
    training (Mapping): What `run_cell` returned.
    RETURNS (dict): The run, as the results hold it: `values`, `seed`, `inputs`, `f1` and others.
    """
    nlp = spacy.load(training["folder"])
    examples, _ = predict(nlp, read_gold(plan.test, nlp.vocab), batch_size=nlp.batch_size)
    return {
        "values": list(cell.values),
        "seed": cell.seed,
        "inputs": digest_cell(plan, cell),
        **training,
        **score(examples),
    }


def still_valid(runs: Mapping[str, dict[str, Any]], plan: Plan) -> dict[str, dict[str, Any]]:
    """Keep the runs that the same config, corpora and backbone would give again.

    runs (Mapping[str, dict]): From an earlier file of results, by key.
    plan (Plan): Of now.
    RETURNS (dict[str, dict]): Those of them that count, by key.
    """
    kept = {}
    for key, run in runs.items():
        cell = Cell(tuple(run["values"]), run["seed"])
        known = len(cell.values) == len(AXES) and all(map(dict.__contains__, AXES.values(), cell.values))
        if known and run["inputs"] == digest_cell(plan, cell):
            kept[key] = run
    return kept


def summarize(runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Compute each cell's mean over its seeds, and what each axis makes.

    runs (Sequence[Mapping]): `values`, `seed`, `f1` and `seconds` of each.
    RETURNS (dict): `cells`, by name: `mean`, `deviation` (of the sample, None for one seed), `n`, and `seconds` (the
        mean). `axes`, by axis: `first`, `second`, and `mean`, `deviation`, `n` of the differences of F1, first minus
        second, of all pairs of runs that differ in this axis alone, the seed being equal; `mean` is None without one.
    """
    f1 = {(tuple(run["values"]), run["seed"]): run["f1"] for run in runs}
    by_cell: dict[str, list[Mapping[str, Any]]] = {}
    for run in sorted(runs, key=lambda run: _order(run["values"])):
        by_cell.setdefault(", ".join(run["values"]), []).append(run)
    axes = {}
    for place, (axis, (first, second)) in enumerate(AXES.items()):
        differences = [
            value - f1[other]
            for (values, seed), value in f1.items()
            if values[place] == first
            and (other := ((*values[:place], second, *values[place + 1 :]), seed)) in f1
        ]
        axes[axis] = {"first": first, "second": second, **_spread(differences)}
    return {
        "cells": {
            name: {
                **_spread([run["f1"] for run in found]),
                "seconds": statistics.mean(run["seconds"] for run in found),
            }
            for name, found in by_cell.items()
        },
        "axes": axes,
    }


def _order(values: Sequence[str]) -> list[int]:
    return [list(axis).index(value) for axis, value in zip(AXES.values(), values, strict=True)]


def _spread(values: Sequence[float]) -> dict[str, Any]:
    return {
        "mean": statistics.mean(values) if values else None,
        "deviation": statistics.stdev(values) if len(values) > 1 else None,
        "n": len(values),
    }
