import json

import pytest
from spacy.tokens import DocBin
from spacy.vocab import Vocab
from typer.testing import CliRunner

from spacy_llama_ner.cli import app

TEXT = "-DOCSTART- -X- -X- O\n\nAnna NNP B-NP B-PER\nsails VBZ B-VP O\n. . O O\n\nOslo NNP B-NP B-LOC\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The current folder, with data/train.txt."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "train.txt").write_text(TEXT, encoding="utf-8")
    return tmp_path


def run(*args):
    return CliRunner().invoke(app, ["convert", *args])


def texts(path):
    return [doc.text for doc in DocBin().from_disk(path).get_docs(Vocab())]


def test_convert_writes_docs_and_counts(folder):
    result = run("data", "out/train.spacy", "--split", "train", "--unit", "article")
    assert result.exit_code == 0, result.output
    assert texts(folder / "out" / "train.spacy") == ["Anna sails. Oslo"]
    assert json.loads((folder / "out" / "train.json").read_text(encoding="utf-8")) == {
        "source": "data",
        "split": "train",
        "revision": None,
        "unit": "article",
        "spacing": "natural",
        "commit": None,
        "docs": 1,
        "articles": 1,
        "sentences": 2,
        "tokens": 4,
        "entities": 2,
        "labels": {"LOC": 1, "PER": 1},
        "repairs": [],
    }


def test_convert_makes_naturally_spaced_sentences_by_default(folder):
    assert run("data/train.txt", "train.spacy").exit_code == 0
    assert texts(folder / "train.spacy") == ["Anna sails.", "Oslo"]


def test_convert_plain(folder):
    assert run("data/train.txt", "train.spacy", "--spacing", "plain").exit_code == 0
    assert texts(folder / "train.spacy") == ["Anna sails .", "Oslo"]


def test_convert_keeps_chunk_tags(folder):
    assert run("data/train.txt", "train.spacy").exit_code == 0
    docs = DocBin().from_disk(folder / "train.spacy").get_docs(Vocab())
    assert next(docs).user_data["chunk_tags"] == ("B-NP", "B-VP", "O")


def test_convert_prints_counts(folder):
    output = run("data/train.txt", "train.spacy").output
    rows = dict(line.split() for line in output.splitlines() if len(line.split()) == 2)
    assert rows == {
        "Docs": "2",
        "Articles": "1",
        "Sentences": "2",
        "Tokens": "4",
        "Entities": "2",
        "LOC": "1",
        "PER": "1",
    }


def test_convert_prints_that_articles_are_unknown(folder):
    (folder / "data" / "train.txt").write_text("Anna B-PER\n", encoding="utf-8")
    assert "unknown" in run("data/train.txt", "train.spacy").output


def test_convert_reports_repairs(folder):
    (folder / "data" / "train.txt").write_text("Anna X-PER\nsails\n", encoding="utf-8")
    output = run("data/train.txt", "train.spacy", "--repair").output
    assert "1 x unknown tag replaced by O; first at data/train.txt:1" in " ".join(output.split())
    report = json.loads((folder / "train.json").read_text(encoding="utf-8"))
    assert report["repairs"] == [
        {"kind": "word without a tag tagged O", "count": 1, "first": "data/train.txt:2"},
        {"kind": "unknown tag replaced by O", "count": 1, "first": "data/train.txt:1"},
    ]


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["data", "train.spacy"], "which split?"),
        (["data", "train.spacy", "--split", "dev"], "no file for the split dev"),
        (["missing.txt", "train.spacy"], "missing.txt: no such file or folder"),
        (["data/bad.txt", "train.spacy"], "data/bad.txt:1: unknown tag 'X-PER'"),
        (["data/bare.txt", "train.spacy", "--unit", "article"], "Convert with --unit sentence"),
        (["data/train.txt", "train.bin"], "train.bin: unexpected suffix. Expected a file named *.spacy"),
        (["data/train.txt", "data/train.txt/train.spacy"], "File exists: 'data/train.txt'"),
    ],
)
def test_convert_fails_with_a_message(folder, args, message):
    (folder / "data" / "bad.txt").write_text("Anna X-PER\n", encoding="utf-8")
    (folder / "data" / "bare.txt").write_text("Anna B-PER\n", encoding="utf-8")
    result = run(*args)
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit)
    assert message in " ".join(result.output.split())
    assert not (folder / "train.spacy").exists()


@pytest.mark.parametrize(
    ("arguments", "unit"),
    [
        (["profile.cfg"], "article"),
        (["data", "--config", "profile.cfg"], "article"),
        (["data", "--config", "profile.cfg", "--unit", "sentence"], "sentence"),
        (["data"], "sentence"),
    ],
    ids=["source", "beside the source", "overruled", "none"],
)
def test_convert_takes_the_unit_of_a_config(folder, arguments, unit):
    (folder / "profile.cfg").write_text('[paths]\nsource = "data"\nunit = "article"\n')
    result = run(*arguments, "out/train.spacy", "--split", "train")
    assert result.exit_code == 0, result.output
    assert json.loads((folder / "out" / "train.json").read_text())["unit"] == unit


def test_convert_refuses_an_unknown_unit_of_a_config(folder):
    (folder / "profile.cfg").write_text('[paths]\nsource = "data"\nunit = "page"\n')
    result = run("profile.cfg", "out/train.spacy", "--split", "train")
    assert result.exit_code == 1
    assert "[paths] unit is 'page'" in result.output
