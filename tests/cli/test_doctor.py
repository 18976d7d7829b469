"""The command `doctor`."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from doctor_config import write_config

from spacy_llama_ner.doctor import reload, steps

ROOT = Path(__file__).parents[2]
LLAMA = "unsloth/Llama-3.2-1B-Instruct"


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Fewer and shorter measurements, where the command runs in this process."""
    monkeypatch.setattr(steps, "MOST", 3)
    monkeypatch.setattr(reload, "LONG_ENOUGH", 0.1)


def run_alone(*arguments, environment, folder=ROOT):
    """Run the command in a process of its own: the hub's address is read once."""
    command = [sys.executable, "-m", "spacy_llama_ner", "doctor", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=environment, cwd=folder, timeout=300)


def test_doctor_prints_tables_and_writes_json(run, tmp_path, tiny_llama, monkeypatch):
    config = write_config(tmp_path / "tiny.cfg", tiny_llama)
    monkeypatch.chdir(tmp_path)  # where training would save
    done = run("doctor", "--config", config, "--json", tmp_path / "out" / "doctor.json")
    assert done.exit_code == 0, done.output
    assert "attention canary" in done.output
    assert "Ready" in done.output
    report = json.loads((tmp_path / "out" / "doctor.json").read_text(encoding="utf8"))
    assert report["ready"] is True
    titles = [section["title"] for section in report["sections"]]
    assert titles[0] == "Versions"
    assert titles[-1] == "Training, saving and loading"
    checks = {check["what"]: check for section in report["sections"] for check in section["checks"]}
    assert checks["training step"]["figures"]["seconds"] > 0


def test_doctor_that_finds_a_failure_exits_with_one(run, tmp_path):
    config = write_config(tmp_path / "tiny.cfg", tmp_path / "no" / "such" / "folder")
    done = run("doctor", "--config", config)
    assert done.exit_code == 1
    assert "Not ready: backbone, memory" in done.output
    assert "Traceback" not in done.output


def test_doctor_estimate_only_shows_the_arithmetic(run, tmp_path, tiny_llama):
    config = write_config(tmp_path / "tiny.cfg", tiny_llama)
    done = run("doctor", "--config", config, "--estimate-only")
    assert done.exit_code == 0, done.output
    assert "Memory at the peak, MB" in done.output
    assert "Adam's two moments" in done.output
    assert "training step" not in done.output


@pytest.mark.parametrize(
    ("arguments", "error"), [(("--profile", "none"), "no config"), (("--corpus", "none.spacy"), "no corpus")]
)
def test_doctor_missing_input_is_one_message(run, monkeypatch, arguments, error):
    monkeypatch.chdir(ROOT)
    done = run("doctor", *arguments)
    assert done.exit_code == 1
    assert "The config cannot be examined" in done.output
    assert error in done.output
    assert "Traceback" not in done.output


def test_doctor_passes_for_llama_from_the_hub(hub_server, tmp_path, tiny_llama):
    config = write_config(
        tmp_path / "tiny.cfg", LLAMA, paths__source="owner/corpus", **{"model__backbone__dtype": "bfloat16"}
    )
    with hub_server(models={LLAMA: tiny_llama}, datasets={"owner/corpus": tiny_llama}) as hub:
        environment = hub.environment(tmp_path / "home")
        done = run_alone("--config", config, environment=environment, folder=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{LLAMA} at" in done.stdout
    assert "owner/corpus at" in done.stdout
    assert "trained tensors changed" in done.stdout


def test_doctor_without_a_hub_fails_and_tells_the_memory(hub_server, tmp_path):
    with hub_server() as hub:
        hub.stop()
        environment = hub.environment(tmp_path / "home")
        start = time.perf_counter()
        done = run_alone("--profile", "llama-3.2-1b", environment=environment)
    assert time.perf_counter() - start < 120  # 12 s on an idle machine
    assert done.returncode == 1
    assert "Not ready: backbone, data set" in done.stdout
    assert "cannot be reached" in done.stdout
    assert "1,235,814,400 x 2" in done.stdout  # of the shape that is known
    assert "Traceback" not in done.stdout + done.stderr
