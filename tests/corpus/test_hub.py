import sys
from types import SimpleNamespace

import pytest

from spacy_llama_ner.corpus import hub
from spacy_llama_ner.corpus.article import CorpusError, Repair
from spacy_llama_ner.corpus.hub import read_hub, read_rows

NAMES = ["O", "B-PER", "I-PER"]


def classes(names):
    """A feature like datasets' Sequence(ClassLabel(names=...))."""
    return SimpleNamespace(feature=SimpleNamespace(names=names, dtype="int64"))


def plain(dtype):
    """A feature like datasets' Sequence(Value(dtype))."""
    return SimpleNamespace(feature=SimpleNamespace(dtype=dtype))


FEATURES = {"tokens": plain("string"), "ner_tags": classes(NAMES)}


def read(rows, features=FEATURES, **options):
    return read_rows(rows, features, place="owner/name (train)", **options)


def row(tokens, tags, **columns):
    return {"tokens": tokens.split(), "ner_tags": tags, **columns}


def test_read_rows_names_the_tags():
    corpus = read([row("Anna Kovac sails", [1, 2, 0]), row("Oslo", [0])])
    assert [(x.words, x.tags, x.pos, x.chunk) for x in corpus.sentences] == [
        (("Anna", "Kovac", "sails"), ("B-PER", "I-PER", "O"), None, None),
        (("Oslo",), ("O",), None, None),
    ]
    assert not corpus.has_articles


def test_read_rows_takes_tags_as_strings():
    features = FEATURES | {"ner_tags": plain("string")}
    assert next(read([row("Anna", ["I-PER"])], features).sentences).tags == ("B-PER",)


def test_read_rows_keeps_pos_and_chunks():
    features = FEATURES | {"pos_tags": classes(["NN", "VB"]), "chunk_tags": classes(["O", "B-VP"])}
    sentence = next(read([row("Anna sails", [1, 0], pos_tags=[0, 1], chunk_tags=[0, 1])], features).sentences)
    assert (sentence.pos, sentence.chunk) == (("NN", "VB"), ("O", "B-VP"))


def test_read_rows_takes_docstart_rows_as_boundaries():
    corpus = read([row("-DOCSTART-", [0]), row("Anna", [1]), row("-DOCSTART-", [0]), row("Oslo", [0])])
    assert corpus.has_articles
    assert len(corpus.articles) == 2


def test_read_rows_leaves_out_rows_without_tokens():
    assert read([row("", []), row("Anna", [1])]).count().sentences == 1


def test_read_rows_repairs():
    corpus = read([row("", []), row("Anna Kovac", [1, -1])], repair=True)
    assert corpus.repairs == (Repair("unknown tag replaced by O", 1, "owner/name (train), row 1, token 1"),)


@pytest.mark.parametrize(
    ("rows", "features", "match"),
    [
        (
            [],
            {"words": plain("string")},
            r"owner/name \(train\): no column 'tokens'. The data set has: words",
        ),
        ([], {"tokens": plain("string")}, r"no column 'ner_tags'"),
        (
            [],
            FEATURES | {"ner_tags": plain("int64")},
            r"'ner_tags' does not say .*Expected a list of strings",
        ),
        ([], FEATURES | {"ner_tags": SimpleNamespace(dtype="string")}, r"'ner_tags' does not say"),
        ([], FEATURES | {"pos_tags": plain("int64")}, r"'pos_tags' does not say"),
        ([], FEATURES, r"owner/name \(train\): no token in the split"),
        ([row("Anna sails", [1])], FEATURES, r"row 0: 1 ner_tags for 2 tokens. Expected as many"),
        ([{"tokens": ["a", ""], "ner_tags": [0, 0]}], FEATURES, r"row 0: an empty token"),
        ([row("Anna", [7])], FEATURES, r"row 0, token 0: unknown tag '7'.* --repair"),
        ([row("Anna", [1]), row("Anna", [2])], FEATURES, r"row 1, token 0: I-PER begins an entity"),
    ],
)
def test_read_rows_refuses(rows, features, match):
    with pytest.raises(CorpusError, match=match):
        read(rows, features)


class Split(list):
    """Rows with features, like a datasets.Dataset."""

    features = FEATURES


@pytest.fixture
def loaded(monkeypatch):
    """The arguments of each load; the data set has a train and a valid split."""
    calls = []

    def load(name, revision):
        calls.append((name, revision))
        return {"train": Split([row("Anna", [1])]), "valid": Split([row("Oslo", [0])])}, "c0ffee"

    monkeypatch.setattr(hub, "_load", load)
    return calls


@pytest.mark.parametrize(
    ("name", "revision", "expected"),
    [
        ("eriktks/conll2003", None, "refs/convert/parquet"),
        ("eriktks/conll2003", "v1", "v1"),
        ("owner/name", None, None),
    ],
)
def test_read_hub_has_a_default_revision_for_conll_2003(loaded, name, revision, expected):
    read_hub(name, split="train", revision=revision)
    assert loaded == [(name, expected)]


def test_read_hub_keeps_the_commit(loaded):
    assert read_hub("owner/name", split="train").commit == "c0ffee"


def test_read_hub_finds_dev_under_its_other_names(loaded):
    assert next(read_hub("owner/name", split="dev").sentences).words == ("Oslo",)


def test_read_hub_refuses_a_missing_split(loaded):
    with pytest.raises(CorpusError, match=r"owner/name: no split test. The data set has: train, valid"):
        read_hub("owner/name", split="test")


def test_read_hub_says_that_datasets_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(
        CorpusError, match=r"needs the package datasets. .*pip install 'spacy-llama-ner\[project\]'"
    ):
        read_hub("owner/name", split="train")
