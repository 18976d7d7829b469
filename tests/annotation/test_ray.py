"""Annotation on a local Ray with two workers."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from spacy_llama_ner.annotation.journal import Counts
from spacy_llama_ner.annotation.local import annotate_here
from spacy_llama_ner.annotation.run import run_job

psutil = pytest.importorskip("psutil", reason="psutil finds the workers to kill")
pytest.importorskip("ray.data", reason="Ray is not installed: pip install 'spacy-llama-ner[ray]'")
pytestmark = pytest.mark.slow

RECORDS, BAD = 6000, 2500


@pytest.fixture
def whole(tmp_path, make_job):
    """The output of a run in this process."""
    rows = [{"id": i, "text": f"Day {i} in Lisbon with Ilse Vandermeer"} for i in range(RECORDS)]
    lines = [json.dumps(row) + "\n" for row in rows]
    lines[BAD] = "no JSON\n"
    (tmp_path / "in.jsonl").write_text("".join(lines))
    run_job(make_job("in.jsonl", output="whole.jsonl", batch_size=16), annotate_here)
    return tmp_path / "whole.jsonl"


def start(folder, model):
    """RETURNS (Popen): An annotation of in.jsonl to out.jsonl on two workers."""
    command = [
        sys.executable,
        "-m",
        "spacy_llama_ner",
        "annotate",
        model,
        folder / "in.jsonl",
        folder / "out.jsonl",
    ]
    options = ["--engine", "ray", "--workers", "2", "--batch-size", "16", "--part-size", "32", "--quiet"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with (folder / "log.txt").open("a") as log:
        return subprocess.Popen([*map(str, command), *options], stdout=log, stderr=log, env=environment)


def wait_for_part(run, folder, number):
    while not (folder / "out.jsonl.partial" / f"{number:06d}.json").exists():
        assert run.poll() is None, (folder / "log.txt").read_text()
        time.sleep(0.01)


def workers(run):
    """RETURNS (list): The processes of this run, and no others, that have a pipeline."""
    children = psutil.Process(run.pid).children(recursive=True)
    return [child for child in children if "MapWorker" in _command(child)]


def _command(process):
    try:
        return " ".join(process.cmdline())
    except (psutil.ZombieProcess, psutil.NoSuchProcess):
        return ""


def assert_same(folder, whole):
    assert (folder / "out.jsonl").read_bytes() == whole.read_bytes()
    errors = [(folder / f"{name}.jsonl.errors.jsonl").read_bytes() for name in ("out", "whole")]
    assert errors[0] == errors[1]


def test_ray_loses_and_doubles_nothing_when_a_worker_is_killed(tmp_path, model, whole):
    run = start(tmp_path, model)
    wait_for_part(run, tmp_path, 5)
    first = workers(run)
    assert len(first) == 2
    first[0].send_signal(signal.SIGKILL)
    assert run.wait() == 0, (tmp_path / "log.txt").read_text()
    assert_same(tmp_path, whole)


def test_ray_run_that_is_killed_goes_on_here_to_the_same_bytes(tmp_path, model, whole, make_job):
    run = start(tmp_path, model)
    wait_for_part(run, tmp_path, 3)
    children = psutil.Process(run.pid).children(recursive=True)
    run.send_signal(signal.SIGKILL)
    assert run.wait() == -signal.SIGKILL
    psutil.wait_procs(children, timeout=10)  # Ray's own end with it.
    again = start(tmp_path, model)
    assert again.wait() == 0, (tmp_path / "log.txt").read_text()
    assert "done by earlier runs" in (tmp_path / "log.txt").read_text()
    assert_same(tmp_path, whole)


def test_ray_refuses_standard_input(make_job):
    from dataclasses import replace

    from spacy_llama_ner.annotation.ray_data import annotate_on_ray

    job = make_job("in.txt")
    job = replace(job, source=replace(job.source, path="-"))
    with pytest.raises(ValueError, match="give a file, not standard input"):
        next(annotate_on_ray(job, Counts(), workers=1))
