"""A training or a save that is killed leaves a pipeline that loads."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
import spacy
import torch
from spacy.util import fix_random_seed
from spacy_train import (
    ROOT,
    TEXTS,
    command,
    environment,
    overrides,
    write_corpus,
)

PIPE = "llama_crf_ner"
pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="kills forked children")


@pytest.fixture(scope="module")
def saved(tiny_llama, tmp_path_factory):
    """Two saved pipelines of the same settings with other weights, and one without weights."""
    fix_random_seed(0)
    folder = tmp_path_factory.mktemp("saved")
    nlp = spacy.blank("en")
    backbone = {"@misc": "spacy_llama_ner.HuggingFaceBackbone.v1", "name": str(tiny_llama)}
    pipe = nlp.add_pipe(PIPE, config={"model": {"lora_rank": 4, "backbone": backbone}})
    pipe.add_label("PER")
    nlp.to_disk(folder / "untrained")
    nlp.initialize()
    nlp.to_disk(folder / "old")
    with torch.no_grad():
        pipe.shim.network.head.bias.add_(1.0)
    nlp.to_disk(folder / "new")
    return folder


def killed(tmp_path, *arguments, timeout):
    """Run the script beside these tests; it kills its own children only."""
    result = tmp_path / "result.json"
    subprocess.run(
        [sys.executable, "-W", "ignore", str(ROOT / "tests" / "killed.py"), *map(str, arguments)],
        env=environment(RESULT=str(result), TOKENIZERS_PARALLELISM="false"),
        timeout=timeout,
        check=True,
    )
    return json.loads(result.read_text())


def each_state_in_turn(outcomes, *, old="old", new="new"):
    """Whether the outcomes are those of an old state up to some point, and of the new one from there on."""
    return set(outcomes) == {old, new} and sorted(outcomes, key=[old, new].index) == outcomes


@pytest.mark.slow
@pytest.mark.parametrize("way", ["component", "whole"])
def test_save_that_is_killed_leaves_the_old_or_the_new_state(saved, tmp_path, way):
    """The component's own folder, and a whole pipeline by `save_whole`."""
    outcomes = killed(
        tmp_path, "saves", saved / "old", saved / "new", tmp_path / "target" / "nlp", way, 1, timeout=500
    )
    assert each_state_in_turn(outcomes), outcomes
    assert len(outcomes) > 30


@pytest.mark.slow
@pytest.mark.parametrize(("old", "new"), [("untrained", "new"), ("old", "untrained")])
def test_save_over_one_without_weights_that_is_killed_leaves_one_of_them(saved, tmp_path, old, new):
    arguments = (saved / old, saved / new, tmp_path / "target" / "nlp", "component", 1)
    outcomes = killed(tmp_path, "saves", *arguments, timeout=500)
    assert each_state_in_turn(outcomes), outcomes


@pytest.mark.slow
def test_save_of_spacys_own_that_is_killed_can_leave_files_of_its_own_empty(saved, tmp_path):
    """Why checkpoints are saved whole; and these tests see what is torn. The component is never the one."""
    outcomes = killed(
        tmp_path, "saves", saved / "old", saved / "new", tmp_path / "target" / "nlp", "spacy", 1, timeout=500
    )
    torn = [outcome for outcome in outcomes if outcome not in ("old", "new")]
    # tokenizer, meta.json, config.cfg; in vocab: strings.json, vectors, key2row, vectors.cfg, lookups.bin
    assert len(torn) == 8, Counter(outcomes)
    assert not any(PIPE in outcome for outcome in torn)


def test_training_that_is_killed_leaves_a_pipeline_that_predicts(tiny_llama, tmp_path):
    """spaCy's own training in forked processes, saving all the time."""
    write_corpus(tmp_path / "corpus.spacy")
    outcomes = killed(tmp_path, "trainings", tmp_path, tiny_llama, 4, 0, timeout=300)
    assert len(outcomes) == 4
    assert all(outcome["killed"] and outcome.get("predicts") for outcome in outcomes), outcomes


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_spacy_train_that_is_killed_leaves_a_pipeline_that_predicts(tiny_llama, tmp_path):
    """25 real commands, killed 0 to 0.8 seconds after their first checkpoint."""
    write_corpus(tmp_path / "corpus.spacy")
    moments = random.Random(0)
    for _ in range(25):
        kill_spacy_train(tmp_path, tiny_llama, delay=moments.uniform(0.0, 0.8))
        doc = spacy.load(tmp_path / "out" / "model-last")(TEXTS[0][0])
        assert doc.has_annotation("ENT_IOB")


def kill_spacy_train(folder: Path, backbone: Path, *, delay: float) -> None:
    shutil.rmtree(folder / "out", ignore_errors=True)
    values = overrides(folder, backbone, training__eval_frequency=1, training__max_steps=100_000)
    with (folder / "output.txt").open("w") as output:
        process = subprocess.Popen(
            command(folder / "out", values),
            env=environment(),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            deadline = time.monotonic() + 120
            while not (folder / "out" / "model-last").exists() and time.monotonic() < deadline:
                assert process.poll() is None, (folder / "output.txt").read_text()
                time.sleep(0.01)
            time.sleep(delay)
        finally:
            process.send_signal(signal.SIGKILL)
            assert process.wait(timeout=60) == -signal.SIGKILL
