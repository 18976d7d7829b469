"""Reading a training log."""

import json

import pytest

from spacy_llama_ner.report.curves import read_curves, smoothed

STEP = {"loss": 3.0, "cross_entropy": 4.0, "crf": 2.0, "label_smoothing": 5.0, "words": 7}


def write(path, lines):
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf8")
    return path


def test_read_curves_parts_steps_from_evaluations(tmp_path):
    lines = [
        {"step": 0, "ner": STEP},
        {"step": 1},  # an update without annotated words
        {"step": 1, "epoch": 0, "score": 0.5, "seconds": 9, "words": 7, "scores": {"ents_f": 0.25}},
        {"step": 2, "ner": {**STEP, "crf": 1.0}},
    ]
    curves = read_curves(write(tmp_path / "log.jsonl", lines))
    assert curves.steps == [0, 2]
    assert curves.terms["crf"] == [2.0, 1.0]
    assert (curves.evaluated, curves.f1, curves.seconds) == ([1], [0.25], 9.0)


def test_read_curves_names_the_broken_line(tmp_path):
    path = write(tmp_path / "log.jsonl", [{"step": 0, "ner": STEP}])
    with path.open("a", encoding="utf8") as file:
        file.write('{"step": 1')
    with pytest.raises(ValueError, match="line 2 is no JSON object"):
        read_curves(path)


def test_read_curves_without_steps(tmp_path):
    with pytest.raises(ValueError, match="no step"):
        read_curves(write(tmp_path / "log.jsonl", []))


def test_smoothed_is_the_mean_of_the_last_values():
    assert smoothed([4.0, 2.0, 0.0, 6.0], 2) == [4.0, 3.0, 1.0, 3.0]
    assert smoothed([4.0, 2.0], 1) == [4.0, 2.0]
