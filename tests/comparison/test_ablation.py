"""Means, deviations and paired differences against hand-computed ones; which runs still hold."""

import dataclasses
import itertools
import statistics
from pathlib import Path

import numpy as np
import pytest

from spacy_llama_ner.comparison.ablation import (
    AXES,
    Cell,
    Plan,
    cells,
    digest_cell,
    make_config,
    run_cell,
    still_valid,
    summarize,
)


def make_runs(f1, seeds=(0, 1, 2)):
    return [
        {"values": list(cell.values), "seed": cell.seed, "f1": f1(cell), "seconds": 2.0}
        for cell in cells(seeds)
    ]


@pytest.fixture
def plan(config, split):
    return Plan(config, {"training.max_epochs": 1}, split.train, split.dev, split.dev)


def test_cells_are_all_combinations():
    found = cells([4, 5])
    assert len(found) == len({cell.key for cell in found}) == 16
    assert found[0].key == "bidirectional, CRF, LoRA, seed 4"


def test_summarize_matches_numpy():
    values = iter(np.random.default_rng(0).random(24))
    runs = make_runs(lambda cell: float(next(values)))
    result = summarize(runs)
    table = np.array([run["f1"] for run in runs]).reshape(3, 2, 2, 2)  # seed, then the axes
    for place, axis in enumerate(AXES, start=1):
        first, second = np.moveaxis(table, place, 0)
        differences = (first - second).ravel()
        assert result["axes"][axis]["mean"] == pytest.approx(differences.mean())
        assert result["axes"][axis]["deviation"] == pytest.approx(differences.std(ddof=1))
        assert result["axes"][axis]["n"] == 12
    names = [", ".join(values) for values in itertools.product(*AXES.values())]
    assert list(result["cells"]) == names
    for name, seeds in zip(names, table.reshape(3, 8).T, strict=True):
        assert result["cells"][name]["mean"] == pytest.approx(seeds.mean())
        assert result["cells"][name]["deviation"] == pytest.approx(seeds.std(ddof=1))


def test_summarize_pairs_equal_seeds_only():
    lora, head = ("causal", "CRF", "LoRA"), ("causal", "CRF", "head only")
    f1 = {(lora, 0): 0.8, (lora, 1): 0.9, (head, 1): 0.5, (head, 2): 0.1}
    runs = [{"values": values, "seed": seed, "f1": f, "seconds": 1.0} for (values, seed), f in f1.items()]
    axes = summarize(runs)["axes"]
    assert axes["trained"] == {
        "first": "LoRA",
        "second": "head only",
        "mean": pytest.approx(0.4),
        "deviation": None,
        "n": 1,
    }
    assert (axes["attention"]["mean"], axes["attention"]["n"]) == (None, 0)


def test_summarize_of_one_seed_has_no_deviation():
    cell = summarize(make_runs(lambda cell: 0.5, seeds=[7]))["cells"]["causal, CRF, LoRA"]
    assert cell == {"mean": 0.5, "deviation": None, "n": 1, "seconds": 2.0}


def test_summarize_deviation_is_of_the_sample():
    scores = {0: 0.1, 1: 0.4, 2: 0.4}
    cell = summarize(make_runs(lambda cell: scores[cell.seed]))["cells"]["causal, CRF, LoRA"]
    assert cell["deviation"] == pytest.approx(statistics.stdev([0.1, 0.4, 0.4]))


@pytest.mark.parametrize("cell", cells([3]), ids=lambda cell: cell.name)
def test_make_config_sets_what_the_cell_says(plan, cell):
    config = make_config(plan, cell)
    block = config["components"]["llama_crf_ner"]
    attention, layer, trained = cell.values
    assert block["model"]["attention"] == attention
    assert block["model"]["use_crf"] == (layer == "CRF")
    assert (block["compound_loss"]["crf_weight"] > 0) == (layer == "CRF")
    assert block["model"]["peft"] == ("lora" if trained == "LoRA" else None)
    assert block["model"]["freeze_backbone"] is True
    assert (config["system"]["seed"], config["training"]["max_epochs"]) == (3, 1)


def test_still_valid_keeps_runs_of_equal_inputs_alone(plan):
    cell, other = cells([0])[:2]
    run = {"values": list(cell.values), "seed": 0, "inputs": digest_cell(plan, cell)}
    runs = {
        cell.key: run,
        other.key: {"values": list(other.values), "seed": 0, "inputs": "of another corpus"},
        "gone": {"values": ["sideways", "CRF", "LoRA"], "seed": 0, "inputs": "x"},
    }
    assert still_valid(runs, plan) == {cell.key: run}


def test_digest_cell_depends_on_the_corpus_it_is_scored_on(plan, split):
    cell = Cell(("causal", "CRF", "LoRA"), 0)
    scored_elsewhere = Plan(plan.config, plan.changes, plan.train, plan.dev, split.test)
    assert digest_cell(plan, cell) != digest_cell(scored_elsewhere, cell)


def test_run_cell_leaves_the_training_of_another_plan(plan, tmp_path, monkeypatch):
    def instead(config, folder, **_):
        (folder / "model-last").mkdir()
        (folder / "model-best").mkdir()
        return {"seconds": 1.0}

    monkeypatch.setattr("spacy_llama_ner.comparison.training.train", instead)
    cell = Cell(("causal", "CRF", "LoRA"), 0)
    first = run_cell(plan, cell, tmp_path)
    second = run_cell(dataclasses.replace(plan, changes={"training.max_epochs": 2}), cell, tmp_path)
    assert first["folder"] != second["folder"]
    assert Path(first["folder"]).is_dir()
    assert run_cell(plan, cell, tmp_path) == first
