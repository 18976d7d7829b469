"""The command `smoke`; what it does is tested in test_smoke_test.py."""

import json

import pytest

from spacy_llama_ner.release import smoke
from spacy_llama_ner.release.errors import ReleaseError

REPORT = {
    "mode": "install",
    "pipeline": "en_llama_crf_ner",
    "texts": 2,
    "entities": 2,
    "max_score_difference": 2e-6,
    "tolerance": 1e-4,
    "seconds": {"install": 20.0, "check": 5.0, "load": 1.0, "predict": 0.5, "total": 30.0},
    "found": [
        [
            {"start": 0, "end": 4, "text": "Oslo", "label": "LOC", "score": 0.98765},
            {"start": 9, "end": 12, "text": "Ann", "label": "PER", "score": None},
        ],
        [],
    ],
}


@pytest.fixture
def texts(tmp_path):
    (tmp_path / "samples.txt").write_text("Oslo and Ann.\n\nNobody.\n", encoding="utf8")
    return tmp_path / "samples.txt"


def run_smoke(run, tmp_path, texts, *options):
    return run("smoke", "a.whl", "b.whl", "--reference", tmp_path, "--texts", texts, *options)


def test_smoke_writes_and_prints_the_report(run, tmp_path, texts, monkeypatch):
    calls = []
    monkeypatch.setattr(smoke, "smoke_test", lambda *args, **kwargs: calls.append((args, kwargs)) or REPORT)
    output = tmp_path / "metrics" / "smoke.json"
    done = run_smoke(
        run, tmp_path, texts, "--output", output, "--constraints", "c.txt", "--dependencies", "install"
    )
    assert done.exit_code == 0, done.output
    [(args, kwargs)] = calls
    assert [path.name for path in args] == ["a.whl", "b.whl"]
    assert kwargs["texts"] == ["Oslo and Ann.", "Nobody."]
    assert (kwargs["dependencies"], kwargs["constraints"].name) == ("install", "c.txt")
    assert json.loads(output.read_text(encoding="utf8")) == REPORT
    assert "Oslo     LOC     0.988" in done.output
    assert "largest score difference 2.0e-06" in " ".join(done.output.split())  # the printer wraps lines
    assert "20.0 s to install" in done.output
    assert "shared" not in done.output


def test_smoke_warns_where_it_had_to_share(run, tmp_path, texts, monkeypatch):
    monkeypatch.setattr(smoke, "smoke_test", lambda *args, **kwargs: {**REPORT, "mode": "share"})
    assert "No package index reached" in run_smoke(run, tmp_path, texts).output
    assert "No package index reached" not in run_smoke(run, tmp_path, texts, "--dependencies", "share").output


def test_smoke_failure_is_one_message(run, tmp_path, texts, monkeypatch):
    def fail(*args, **kwargs):
        raise ReleaseError("The score of 'Oslo' differs.")

    monkeypatch.setattr(smoke, "smoke_test", fail)
    done = run_smoke(run, tmp_path, texts, "--output", tmp_path / "smoke.json")
    assert done.exit_code == 1
    assert "Smoke test failed" in done.output
    assert "The score of 'Oslo' differs." in done.output
    assert not (tmp_path / "smoke.json").exists()


def test_smoke_missing_texts(run, tmp_path):
    done = run_smoke(run, tmp_path, tmp_path / "none.txt")
    assert done.exit_code == 1
    assert "No file" in done.output
