import pytest
from typer.testing import CliRunner

from spacy_llama_ner.cli import app

TRAIN = """-DOCSTART- -X- -X- O

Anna _ _ B-PER
Kovac _ _ I-PER
sails _ _ O

"""


@pytest.fixture
def folder(tmp_path):
    """A corpus of three articles as markup."""
    (tmp_path / "articles").mkdir()
    for name, text in {
        "001-a": "[PER Anna Kovac] sails",
        "002-b": "[LOC Oslo] waits",
        "003-c": "Rain",
    }.items():
        (tmp_path / "articles" / f"{name}.txt").write_text(f"# topic: sea\n{text}\n", encoding="utf-8")
    (tmp_path / "splits.json").write_text('{"dev": ["002-b"], "test": ["003-c"]}', encoding="utf-8")
    return tmp_path


def run(*args):
    return CliRunner().invoke(app, ["build-corpus", *map(str, args)])


def test_build_corpus_writes_conll(folder):
    assert run(folder).exit_code == 0
    assert (folder / "train.conll").read_text(encoding="utf-8") == TRAIN
    assert (folder / "dev.conll").is_file()
    assert (folder / "test.conll").is_file()


def test_build_corpus_prints_counts_by_split_and_label(folder):
    rows = [line.split() for line in run(folder).output.splitlines()]
    assert ["Split", "Articles", "Sentences", "Tokens", "Entities", "LOC", "PER"] in rows
    assert ["train", "1", "1", "3", "1", "0", "1"] in rows
    assert ["dev", "1", "1", "2", "1", "1", "0"] in rows


def test_build_corpus_check_accepts_what_it_built(folder):
    run(folder)
    result = run(folder, "--check")
    assert result.exit_code == 0
    assert "Up to date" in result.output


@pytest.mark.parametrize("stale", ["", "x"])
def test_build_corpus_check_refuses_and_keeps_stale_files(folder, stale):
    run(folder)
    (folder / "dev.conll").write_text(stale, encoding="utf-8")
    (folder / "test.conll").unlink()
    result = run(folder, "--check")
    assert result.exit_code == 1
    output = "".join(result.output.split())
    assert f"Outofdate:{folder}/dev.conll,{folder}/test.conll." in output
    assert "train.conll" not in output
    assert (folder / "dev.conll").read_text(encoding="utf-8") == stale
    assert not (folder / "test.conll").exists()


def test_build_corpus_fails_with_a_message(folder):
    (folder / "articles" / "001-a.txt").write_text("[PER Anna\n", encoding="utf-8")
    result = run(folder)
    assert result.exit_code == 1
    assert "001-a.txt:1:theentityPERisnotclosed" in "".join(result.output.split())
