"""The same seed gives the same weights, bit by bit, in processes that share nothing."""

import json
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file
from spacy_train import CONFIG, environment, overrides, write_corpus

PIPE = "llama_crf_ner"
CODE = """
import json, sys
from spacy.cli.train import train
for output, values in json.loads(sys.argv[2]).items():
    train(sys.argv[1], output, overrides=values)
"""
ALL_WEIGHTS = {
    "components.llama_crf_ner.model.freeze_backbone": False,
    "components.llama_crf_ner.model.peft": None,
    "training.optimizer.learn_rate.initial_rate": 0.002,
}


@pytest.fixture(scope="module")
def runs(tiny_llama, tmp_path_factory):
    """Trainings with much dropout, in two processes with other hash seeds, which run at the same time."""
    folder = tmp_path_factory.mktemp("runs")
    write_corpus(folder / "corpus.spacy")
    lora = {
        **overrides(folder, tiny_llama, training__eval_frequency=5, training__max_steps=12),
        "training.dropout": 0.3,
        "training.batcher.size": 3,
        "components.llama_crf_ner.model.lora_dropout": 0.4,
        "system.seed": 7,
    }
    plans = [
        {"one": lora, "all one": {**lora, **ALL_WEIGHTS}},
        {
            "other seed": {**lora, "system.seed": 8},
            "two": lora,
            "all two": {**lora, **ALL_WEIGHTS},
            "no dropout": {**lora, "training.dropout": 0.0},
        },
    ]
    for name in {name for plan in plans for name in plan}:
        (folder / name).mkdir()
    processes = []
    for number, plan in enumerate(plans):
        trainings = {
            str(folder / name): {**values, "paths.log": str(folder / name / "log.jsonl")}
            for name, values in plan.items()
        }
        process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", CODE, str(CONFIG), json.dumps(trainings)],
            env=environment(PYTHONHASHSEED=str(number)),
            stdout=subprocess.DEVNULL,
        )
        processes.append(process)
    try:
        assert [process.wait(timeout=300) for process in processes] == [0, 0]
    finally:
        for process in processes:
            process.kill()
    return folder


def weights(folder):
    """RETURNS (dict): Every tensor of a saved pipeline's network."""
    model = folder / "model-last" / PIPE / "model"
    return {
        f"{path.relative_to(model)}: {name}": tensor
        for path in sorted(model.rglob("*.safetensors"))
        for name, tensor in load_file(path).items()
    }


def losses(folder):
    lines = map(json.loads, (folder / "log.jsonl").read_text().splitlines())
    return [line[PIPE]["loss"] for line in lines if PIPE in line]


@pytest.mark.parametrize("training", ["", "all "], ids=["lora", "all weights"])
def test_same_seed_gives_the_same_weights_in_another_process(runs, training):
    one, two = weights(runs / f"{training}one"), weights(runs / f"{training}two")
    assert one.keys() == two.keys()
    assert all(torch.equal(tensor, two[name]) for name, tensor in one.items())
    assert len(losses(runs / f"{training}one")) == 13
    assert losses(runs / f"{training}one") == losses(runs / f"{training}two")


def test_another_seed_gives_other_weights(runs):
    one, other = weights(runs / "one"), weights(runs / "other seed")
    assert not torch.equal(one["head.safetensors: head.weight"], other["head.safetensors: head.weight"])
    adapters = [name for name in one if "adapter" in name]
    assert adapters
    assert not any(torch.equal(one[name], other[name]) for name in adapters)


def test_dropout_takes_part_in_what_is_compared(runs):
    assert losses(runs / "one")[0] != losses(runs / "no dropout")[0]
