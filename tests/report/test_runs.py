"""Keeping figures, and reading what was kept."""

import json

import pytest
from report_folder import HOSTILE

from spacy_llama_ner.report.curves import read_curves
from spacy_llama_ner.report.runs import condense, read_run


def test_condense_quotes_nothing(metrics):
    texts = condense(metrics, examples=0)
    assert set(texts) == {"test.json", "errors.json", "calibration.json"}
    for text in texts.values():
        assert "script" not in text
        assert "Vandermeer" not in text
    assert HOSTILE in json.loads((metrics / "errors.json").read_text(encoding="utf8"))["items"][2]["text"]


def test_condense_keeps_examples_that_are_asked_for(metrics):
    errors = json.loads(condense(metrics, examples=1)["errors.json"])
    assert [len(confusion["examples"]) for confusion in errors["confusions"]] == [1, 1, 1, 1]


def test_condense_keeps_figures(metrics):
    texts = condense(metrics, examples=0)
    evaluation, errors, calibration = (json.loads(text) for text in texts.values())
    assert evaluation == json.loads((metrics / "test.json").read_text(encoding="utf8"))
    whole = json.loads((metrics / "errors.json").read_text(encoding="utf8"))
    for part in ("counts", "errors", "confusion", "factors"):
        assert errors[part] == whole[part]
    assert calibration["temperature"] == 1.5
    assert calibration["dev"]["before"]["f1"] == 0.5
    assert "bins" not in calibration["dev"]["before"]


def test_condense_keeps_the_evaluations_of_the_log(metrics, tmp_path):
    kept = tmp_path / "log.jsonl"
    kept.write_text(condense(metrics, examples=0, log=metrics / "log.jsonl")["log.jsonl"], encoding="utf8")
    curves = read_curves(kept)
    assert (curves.steps, curves.evaluated, curves.f1, curves.seconds) == ([], [2], [0.5], 4.0)


def test_condense_without_an_evaluation(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"No test\.json in .* `python -m spacy_llama_ner evaluate"):
        condense(tmp_path, examples=0)


def test_read_run_reads_what_was_kept(metrics, tmp_path):
    for name, text in condense(metrics, examples=0, log=metrics / "log.jsonl").items():
        (tmp_path / name).write_text(text, encoding="utf8")
    run = read_run(tmp_path)
    assert run.evaluation["model"] == "invented"
    assert run.errors["counts"]["gold"] == 5
    assert run.curves.f1 == [0.5]
    assert run.comparison is None


def test_read_run_of_another_folder(tmp_path):
    assert read_run(tmp_path) is None
    assert read_run(tmp_path / "none") is None


@pytest.mark.parametrize("content", ["{", "[]", '{"counts": {}}'])
def test_read_run_refuses_another_shape(metrics, tmp_path, content):
    (tmp_path / "test.json").write_text((metrics / "test.json").read_text(encoding="utf8"), encoding="utf8")
    (tmp_path / "errors.json").write_text(content)
    with pytest.raises(ValueError, match=r"errors\.json is not readable .* make it anew with `.*analyze"):
        read_run(tmp_path)


def test_read_run_refuses_another_log(metrics, tmp_path):
    (tmp_path / "test.json").write_text((metrics / "test.json").read_text(encoding="utf8"), encoding="utf8")
    (tmp_path / "log.jsonl").write_text('{"other": 1}\n')
    with pytest.raises(ValueError, match=r"log\.jsonl is not a training log of JsonLinesLogger\.v1"):
        read_run(tmp_path)
