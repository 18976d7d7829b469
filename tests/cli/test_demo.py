"""The command `demo`."""

from pathlib import Path

import pytest
from ruler import save_ruler

from spacy_llama_ner.cli.paragraphs import read_paragraphs

ROOT = Path(__file__).parents[2]


@pytest.fixture
def model_dir(tmp_path):
    return save_ruler(tmp_path / "model")


def test_demo_prints_paragraphs_with_entities(run, tmp_path, model_dir):
    (tmp_path / "news.txt").write_text("Lisbon was\ndry.\n\n\nNobody minded.\n", encoding="utf8")
    done = run("demo", model_dir, tmp_path / "news.txt")
    assert done.exit_code == 0, done.output
    before, after = done.output.split("Nobody minded.")
    assert "Lisbon was dry." in before
    assert "Lisbon   LOC         -" in before
    assert "No entities" in after


def test_demo_text(run, model_dir):
    done = run("demo", model_dir, "--text", "Ilse Vandermeer slept.")
    assert "Ilse Vandermeer   PER" in done.output


def test_demo_default_samples(run, model_dir, monkeypatch):
    monkeypatch.chdir(ROOT)
    assert "European Commission   ORG" in run("demo", model_dir).output


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ([], "There is no assets/samples.txt here: give a file or --text"),
        (["news.txt", "--text", "x"], "Give a file or --text, not both"),
        (["news.txt"], "No file news.txt"),
    ],
)
def test_demo_refuses(run, tmp_path, model_dir, monkeypatch, arguments, error):
    monkeypatch.chdir(tmp_path)
    done = run("demo", model_dir, *arguments)
    assert done.exit_code == 1
    assert error in done.output


def test_demo_missing_pipeline(run):
    done = run("demo", "en_missing_ner", "--text", "x")
    assert done.exit_code == 1
    assert "E050" in done.output


def test_read_paragraphs_of_the_samples():
    assert len(read_paragraphs(ROOT / "assets" / "samples.txt")) == 3


def test_read_paragraphs_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"No file .*x\.txt"):
        read_paragraphs(tmp_path / "x.txt")


def test_read_paragraphs_blank_file(tmp_path):
    (tmp_path / "x.txt").write_text(" \n\n \n", encoding="utf8")
    with pytest.raises(ValueError, match=r"x\.txt holds no text"):
        read_paragraphs(tmp_path / "x.txt")
