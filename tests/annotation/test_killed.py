"""A process that is killed at any moment costs no more than a part, and nothing of the output."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from spacy_llama_ner.annotation.local import annotate_here
from spacy_llama_ner.annotation.run import run_job

TESTS = Path(__file__).parent.parent


def test_run_killed_at_any_file_operation_goes_on_to_the_same_bytes(tmp_path, model):
    (tmp_path / "in.txt").write_bytes(b"To Lisbon\nfog\nb\xffd\nNorway\nrain\n")
    command = [sys.executable, str(TESTS / "killed_annotation.py"), str(model), str(tmp_path / "in.txt")]
    command += [str(tmp_path / "out" / "out.jsonl"), "3"]
    environment = {
        **os.environ,
        "RESULT": str(tmp_path / "result.json"),
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    subprocess.run(command, check=True, env=environment, capture_output=True)
    *killed, whole = json.loads((tmp_path / "result.json").read_text())
    assert len(killed) > 8
    assert {json.dumps(outcome[1:]) for outcome in killed} == {json.dumps(whole[1:])}
    assert {0, 1, 2, 3} <= {outcome[0] for outcome in killed}


def test_annotate_killed_in_the_middle_goes_on_to_the_same_bytes(tmp_path, model, make_job):
    source = tmp_path / "in.jsonl"
    rows = [{"id": i, "text": f"Day {i} in Lisbon with Ilse Vandermeer"} for i in range(3000)]
    lines = [json.dumps(row) + "\n" for row in rows]
    lines[2000] = "no JSON\n"
    source.write_text("".join(lines))

    def command(output):
        options = ["--batch-size", "32", "--part-size", "64", "--quiet"]
        return [
            sys.executable,
            "-m",
            "spacy_llama_ner",
            "annotate",
            str(model),
            str(source),
            str(output),
            *options,
        ]

    output, partial = tmp_path / "out.jsonl", tmp_path / "out.jsonl.partial"
    first = subprocess.Popen(command(output), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not (partial / "000004.json").exists() and first.poll() is None:
        time.sleep(0.001)
    first.send_signal(signal.SIGKILL)
    assert first.wait() == -signal.SIGKILL
    assert not output.exists()
    again = subprocess.run(command(output), check=True, capture_output=True, text=True)
    assert "done by earlier runs" in again.stdout
    run_job(make_job("in.jsonl", output="whole.jsonl", batch_size=32), annotate_here)
    assert output.read_bytes() == (tmp_path / "whole.jsonl").read_bytes()
    errors = [tmp_path / f"{name}.jsonl.errors.jsonl" for name in ("out", "whole")]
    assert errors[0].read_bytes() == errors[1].read_bytes()
    ids = [json.loads(line)["id"] for line in output.read_text().splitlines()]
    assert ids == [i for i in range(3000) if i != 2000]
    assert not partial.exists()
