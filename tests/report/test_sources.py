"""Reading a folder of metrics."""

import json

import pytest

from spacy_llama_ner.report.sources import read_sources

EVALUATION = {"counts": {}, "seqeval": {}}


def test_read_sources_names_the_command_of_each_missing_part(tmp_path):
    (tmp_path / "test.json").write_text(json.dumps(EVALUATION))
    sources = read_sources(tmp_path)
    assert sources.evaluation == EVALUATION
    assert sources.errors is None
    assert set(sources.missing) == {"errors", "calibration", "comparison", "ablation"}
    assert sources.missing["errors"].startswith("python -m spacy_llama_ner analyze ")
    assert sources.missing["errors"].endswith(str(tmp_path / "errors.json"))


def test_read_sources_without_an_evaluation(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"No test\.json in .* `python -m spacy_llama_ner evaluate"):
        read_sources(tmp_path)


@pytest.mark.parametrize("content", ["{", "[]", '{"counts": {}}'])
def test_read_sources_refuses_another_shape(tmp_path, content):
    (tmp_path / "test.json").write_text(json.dumps(EVALUATION))
    (tmp_path / "errors.json").write_text(content)
    with pytest.raises(ValueError, match=r"errors\.json is not readable .* make it anew with `.*analyze"):
        read_sources(tmp_path)


def test_read_sources_without_the_log(tmp_path):
    (tmp_path / "test.json").write_text(json.dumps(EVALUATION))
    with pytest.raises(FileNotFoundError, match="No training log at"):
        read_sources(tmp_path, log=tmp_path / "log.jsonl")


def test_read_sources_names_parts_that_do_not_belong_together(tmp_path):
    (tmp_path / "test.json").write_text(json.dumps({**EVALUATION, "model": "a", "corpus": "x.spacy"}))
    errors = {"counts": {}, "errors": {}, "items": [], "model": "b", "corpus": "x.spacy"}
    (tmp_path / "errors.json").write_text(json.dumps(errors))
    (difference,) = read_sources(tmp_path).differences
    assert difference.startswith("errors.json is of the pipeline b, test.json of a")
