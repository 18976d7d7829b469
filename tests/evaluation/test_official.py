"""Which corpus may be called CoNLL-2003."""

import pytest
from spacy.tokens import Doc
from spacy.vocab import Vocab

from spacy_llama_ner.evaluation import official
from spacy_llama_ner.evaluation.official import SPLITS, Split, check_official

OFFICIAL = {"CoNLL-2003 train": (400, 90), "CoNLL-2003 dev": (200, 50), "CoNLL-2003 test": (100, 20)}


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    """Small official counts; the real ones have a test of their own."""
    monkeypatch.setattr(official, "SPLITS", {name: Split(*counts) for name, counts in OFFICIAL.items()})


def make_docs(tokens, entities, *, word="w"):
    tags = ["B-PER"] * entities + ["O"] * (tokens - entities)
    return [
        Doc(Vocab(), words=[word] * len(part), ents=part)
        for part in (tags[: tokens // 2], tags[tokens // 2 :])
    ]


def test_splits_are_those_of_the_paper():
    assert dict(SPLITS) == {
        "CoNLL-2003 train": Split(203_621, 23_499),
        "CoNLL-2003 dev": Split(51_362, 5_942),
        "CoNLL-2003 test": Split(46_435, 5_648),
    }


@pytest.mark.parametrize("split", OFFICIAL)
def test_check_official_knows_a_split_by_its_counts(split):
    found = check_official(make_docs(*OFFICIAL[split]))
    assert (found["split"], found["tokens"], found["entities"]) == (split, *OFFICIAL[split])
    assert f"official ones of {split}" in found["statement"]


@pytest.mark.parametrize(("tokens", "entities"), [(100, 21), (101, 20), (200, 20)])
def test_check_official_wants_both_counts(tokens, entities):
    assert check_official(make_docs(tokens, entities))["split"] is None


def test_check_official_leaves_out_whitespace_tokens():
    docs = [*make_docs(100, 20), Doc(Vocab(), words=["\n", "  "], ents=["O", "O"])]
    assert check_official(docs)["split"] == "CoNLL-2003 test"


@pytest.mark.parametrize("name", ["CoNLL-2003 test", "conll2003 test F1", "CoNLL03", "conll_2003/testb"])
def test_check_official_accepts_a_true_claim(name):
    assert check_official(make_docs(100, 20), name=name)["split"] == "CoNLL-2003 test"


@pytest.mark.parametrize("name", ["CoNLL-2003 test", "conll2003 test F1", "CoNLL03", "conll_2003/testb"])
def test_check_official_refuses_a_false_claim(name):
    expected = r"it has 99 tokens and 20 entities.*official.* 100 tokens and 20 entities \(CoNLL-2003 test\)"
    with pytest.raises(ValueError, match=expected):
        check_official(make_docs(99, 20), name=name)


def test_check_official_refuses_the_name_of_another_split():
    with pytest.raises(ValueError, match="These are the counts of CoNLL-2003 dev"):
        check_official(make_docs(200, 50), name="CoNLL-2003 test")


def test_check_official_finds_lines_between_articles():
    docs = [*make_docs(100, 20), *make_docs(1, 0, word="-DOCSTART-")]
    with pytest.raises(ValueError, match="1 of its tokens are -DOCSTART- lines"):
        check_official(docs, name="CoNLL-2003 test")
    assert "1 of its tokens are -DOCSTART- lines" in check_official(docs)["statement"]


def test_check_official_says_what_a_near_corpus_lacks():
    found = check_official(make_docs(99, 20))
    assert found["statement"].startswith(
        "This is not CoNLL-2003 test: 99 tokens and 20 entities, 100 tokens and 20 entities in the official one."
    )


def test_check_official_looks_at_the_path():
    found = check_official(make_docs(10, 2), path="corpus/conll2003/dev.spacy")
    assert "not CoNLL-2003 dev" in found["statement"]


@pytest.mark.parametrize("name", [None, "mini-news test", "CoNLL-2002 test", "CoNLL-2012"])
def test_check_official_is_silent_about_other_corpora(name):
    found = check_official(make_docs(10, 2), name=name, path="corpus/mini/test.spacy")
    assert found == {"split": None, "tokens": 10, "entities": 2, "statement": None}
