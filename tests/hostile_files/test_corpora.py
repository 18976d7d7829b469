"""Corpora that hold nothing to learn, or are no corpora: through `spacy train`, `convert` and `evaluate`."""

import logging
import zlib

import pytest
import spacy
from hostile_support import PIPE, TAGS, WORDS, annotated, change_config, run_train, write_docs
from spacy.tokens import Doc
from spacy.vocab import Vocab
from typer.testing import CliRunner

from spacy_llama_ner.cli import app

LABELS = f"initialize.components.{PIPE}"


def empty(count):
    return [Doc(Vocab()) for _ in range(count)]


def without_entities(count):
    return [Doc(Vocab(), words=["It", "rained", "."], ents=["O"] * 3) for _ in range(count)]


def unannotated(count):
    return [Doc(Vocab(), words=["It", "rained", "."]) for _ in range(count)]


def unknown_label(count):
    return [Doc(Vocab(), words=["On", "Monday"], ents=["O", "B-DATE"]) for _ in range(count)]


@pytest.mark.parametrize(
    ("labels", "train", "message"),
    [
        ("null", [], "E143"),
        ("null", empty(2), "E143"),
        ("null", without_entities(2), "E143"),
        ("null", unannotated(2), "E143"),
        ('["PER"]', [], "E986.*Could not create any training batches"),
        ('["PER"]', empty(2), "E986.*Could not create any training batches"),
        ('["PER"]', annotated(2), "have entities LOC, which are none of the labels given, PER"),
        (
            '["PER", "LOC"]',
            annotated(1) + unknown_label(1),
            "have entities DATE, which are none of the labels",
        ),
    ],
    ids=[
        "no docs",
        "empty docs",
        "no entities",
        "no annotation",
        "no docs, labels given",
        "empty docs, labels given",
        "label left out",
        "unknown label",
    ],
)
def test_train_refuses_a_corpus_that_it_cannot_learn_from(project, labels, train, message):
    change_config(project, LABELS, "labels", labels)
    write_docs(project / "train.spacy", train)
    with pytest.raises(ValueError, match=message):
        run_train(project)
    assert not (project / "out" / "model-best").exists()


@pytest.mark.parametrize(
    ("train", "dev"),
    [
        (annotated(1), annotated(1)),
        (annotated(2) + empty(2), annotated(1)),
        (without_entities(2), annotated(1)),
        (annotated(2), []),
        (annotated(2), empty(2)),
        (annotated(2), without_entities(2)),
        (annotated(2), unannotated(2)),
        (annotated(2), unknown_label(1)),
    ],
    ids=[
        "one doc",
        "empty docs among others",
        "no entities",
        "no dev docs",
        "empty dev docs",
        "dev without entities",
        "dev without annotation",
        "dev with an unknown label",
    ],
)
def test_train_gets_through_a_meagre_corpus(project, train, dev):
    write_docs(project / "train.spacy", train)
    write_docs(project / "dev.spacy", dev)
    run_train(project)
    assert spacy.load(project / "out" / "model-last")("Anna left.").has_annotation("ENT_IOB")


@pytest.mark.parametrize(
    ("attrs", "docs"),
    [
        (["ORTH"], annotated(2)),
        (["TAG"], annotated(2)),
        (["ENT_TYPE"], annotated(2)),
        (["ENT_IOB", "ENT_TYPE"], unannotated(2)),
    ],
    ids=["words alone", "tags alone", "types alone", "nothing annotated"],
)
def test_train_warns_once_where_no_word_is_annotated(project, caplog, attrs, docs):
    change_config(project, "training", "max_steps", "3")
    write_docs(project / "train.spacy", docs, attrs=attrs)
    with caplog.at_level(logging.WARNING, "spacy_llama_ner"):
        run_train(project)
    assert [record.getMessage()[:42] for record in caplog.records if "known tag" in record.getMessage()] == [
        "No word of update 0 has a known tag, so no"
    ]


def test_train_says_nothing_of_annotation_where_there_is_some(project, caplog):
    with caplog.at_level(logging.WARNING, "spacy_llama_ner"):
        run_train(project)
    assert not [record for record in caplog.records if "known tag" in record.getMessage()]


def test_train_takes_docs_of_another_language_and_with_more_attributes(project):
    docs = [Doc(spacy.blank("de").vocab, words=WORDS, ents=TAGS, tags=["X"] * 7, lemmas=WORDS)]
    write_docs(project / "train.spacy", docs, attrs=["ENT_IOB", "ENT_TYPE", "TAG", "LEMMA", "LANG", "NORM"])
    run_train(project)
    loaded = spacy.load(project / "out" / "model-last")
    assert loaded.get_pipe(PIPE).labels == ("PER", "LOC")


def damaged(path, *, cuts):
    """The bytes of a DocBin, cut at some places, and other files' bytes."""
    data = path.read_bytes()
    places = [round(len(data) * part / cuts) for part in range(cuts)]
    others = [b"garbage", b"\x00" * 100, b"-DOCSTART- O\n\nAnna B-PER\n"]
    return [data[:place] for place in [*places, len(data) - 1]] + others


def test_train_refuses_a_damaged_docbin(project):
    for data in damaged(project / "train.spacy", cuts=3):
        (project / "train.spacy").write_bytes(data)
        with pytest.raises(ValueError, match="E1014.*doesn't look like the data is in DocBin"):
            run_train(project)


def test_evaluate_refuses_a_damaged_docbin_by_its_name(project, run_command):
    spacy.blank("xx").to_disk(project / "blank")
    for data in [*damaged(project / "dev.spacy", cuts=3), zlib.compress(b"nothing of msgpack \xc1")]:
        (project / "dev.spacy").write_bytes(data)
        done = run_command(
            "evaluate", project / "blank", project / "dev.spacy", "--output", project / "m.json"
        )
        assert done.exit_code == 1
        assert "dev.spacy is not a readable DocBin" in done.output
        assert not (project / "m.json").exists()


@pytest.fixture
def run_command():
    """A function that runs one of our commands in this process."""
    return lambda *arguments: CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.mark.parametrize("options", [(), ("--repair",)], ids=["", "repair"])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no token in the file"),
        (b"\n\r\n \t\n", "no token in the file"),
        (b"\xef\xbb\xbf", "no token in the file"),
        (b"-DOCSTART- -X- -X- O\n\n", "no token in the file"),
        ("Zoë B-PER\n".encode("latin1"), "train.conll:1: byte 0xEB is not UTF-8"),
        ("Anna B-PER\n".encode("utf-16"), "train.conll:1: byte 0xFF is not UTF-8"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "train.conll:1: byte 0x89 is not UTF-8"),
        (b"Anna B-PER\nsails \x80\n", "train.conll:2: byte 0x80 is not UTF-8"),
    ],
    ids=["empty", "blank lines", "mark alone", "no sentence", "latin1", "utf16", "png", "later line"],
)
def test_convert_refuses_what_is_no_conll_file(tmp_path, run_command, content, message, options):
    (tmp_path / "train.conll").write_bytes(content)
    done = run_command("convert", tmp_path / "train.conll", tmp_path / "train.spacy", *options)
    assert done.exit_code == 1
    assert isinstance(done.exception, SystemExit)
    assert message in " ".join(done.output.split())
    assert [path.name for path in tmp_path.iterdir()] == ["train.conll"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"Anna\nsails\n", "train.conll:1"),
        (b"Anna NNP B-NP B-PER\nsails O\n", "train.conll:2"),
        (b"Anna B-PER\nsails VBZ B-VP O\nhome O\n", "train.conll:2"),
        (b"Anna B-\n", "train.conll:1"),
        (b"Anna PER\n", "train.conll:1"),
        (b"PK\x03\x04\x14\x00\x00\x00\x08\x00 words.xml\n", "train.conll:1"),
        (b"Anna,B-PER\nsails,O\n", "train.conll:1"),
        (b'{"tokens": ["Anna"], "ner_tags": ["B-PER"]}\n', "train.conll:1"),
    ],
    ids=["no tags", "too few", "too many", "no label", "no prefix", "zip", "commas", "json"],
)
def test_convert_names_the_line_with_other_columns_or_tags(tmp_path, run_command, content, message):
    (tmp_path / "train.conll").write_bytes(content)
    done = run_command("convert", tmp_path / "train.conll", tmp_path / "train.spacy")
    assert done.exit_code == 1
    assert isinstance(done.exception, SystemExit)
    assert message in " ".join(done.output.split())
    assert [path.name for path in tmp_path.iterdir()] == ["train.conll"]
