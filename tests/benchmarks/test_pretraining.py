"""The benchmark of benchmarks/pretraining, on a tiny backbone and invented text, so that the command does not rot."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tiny_models import make_tiny_llama

ROOT = Path(__file__).parents[2]
CELL = "worth/mini-news/random, frozen + LoRA, causal/0"
SENTENCES = "Anna _ _ B-PER\nKovac _ _ I-PER\nvisited _ _ O\nBerlin _ _ B-LOC\n. _ _ O\n\n" * 4


def run(folder: Path) -> str:
    command = [sys.executable, "benchmarks/pretraining/run.py", folder / "results.json", "--only", CELL]
    command += ["--mini", folder / "corpus", "--backbone", folder / "llama", "--work", folder / "work"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, env=environment, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """A finished run of one cell: its folder and what it printed."""
    folder = tmp_path_factory.mktemp("pretraining")
    make_tiny_llama(folder / "llama")
    (folder / "corpus").mkdir()
    for split in ("train", "dev"):
        (folder / "corpus" / f"{split}.conll").write_text(f"-DOCSTART- _ _ O\n\n{SENTENCES}")
    return folder, run(folder)


def test_run_keeps_score_curve_and_settings_of_a_cell(first):
    results = json.loads((first[0] / "results.json").read_text())
    result = results[CELL]
    assert list(results) == [CELL]
    assert result["f1"] == max(f1 for _, f1 in result["curve"])
    assert result["overrides"]["components.llama_crf_ner.model.attention"] == "causal"
    assert result["overrides"]["components.llama_crf_ner.model.backbone.name"] == str(
        first[0] / "work" / "random"
    )
    assert "dev F1" in first[1]


def test_run_trains_no_cell_twice(first):
    before = (first[0] / "results.json").stat().st_mtime_ns
    run(first[0])
    assert (first[0] / "results.json").stat().st_mtime_ns == before
