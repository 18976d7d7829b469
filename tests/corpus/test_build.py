import json

import pytest

from spacy_llama_ner.corpus.article import CorpusError
from spacy_llama_ner.corpus.build import read_markup_corpus

SPLITS = {"dev": ["002-b"], "test": ["003-c"]}


@pytest.fixture
def make_folder(tmp_path):
    """Make a folder of four articles of one sentence each."""

    def make(splits=SPLITS, names=("001-a", "002-b", "003-c", "010-long-slug-2")):
        (tmp_path / "articles").mkdir()
        for name in names:
            (tmp_path / "articles" / f"{name}.txt").write_text(
                f"[PER Anna] wrote {name} .\n", encoding="utf-8"
            )
        if splits is not None:
            text = splits if isinstance(splits, str) else json.dumps(splits)
            (tmp_path / "splits.json").write_text(text, encoding="utf-8")
        return tmp_path

    return make


def test_read_markup_corpus_splits_in_the_order_of_names(make_folder):
    corpora = read_markup_corpus(make_folder())
    names = {split: [x.words[2] for x in corpus.sentences] for split, corpus in corpora.items()}
    assert names == {"train": ["001-a", "010-long-slug-2"], "dev": ["002-b"], "test": ["003-c"]}
    assert all(corpus.has_articles for corpus in corpora.values())


def test_read_markup_corpus_takes_other_labels(make_folder):
    with pytest.raises(CorpusError, match="unknown label 'PER'"):
        read_markup_corpus(make_folder(), labels=["GPE"])


@pytest.mark.parametrize(
    ("splits", "match"),
    [
        (None, r"splits.json: no such file. Expected \{"),
        ("{", r"splits.json: not JSON: "),
        ("[]", r"splits.json: other keys than dev and test"),
        ({"dev": ["002-b"]}, r"splits.json: other keys than dev and test"),
        (SPLITS | {"train": []}, r"splits.json: other keys than dev and test"),
        (SPLITS | {"dev": "002-b"}, r"splits.json: dev is not a list"),
        (SPLITS | {"dev": ["002-x"]}, r"splits.json: dev names '002-x', which is no article"),
        (SPLITS | {"dev": [["002-b"]]}, r"splits.json: dev names \['002-b'\], which is no article"),
        (SPLITS | {"dev": ["003-c"]}, r"splits.json: '003-c' is in dev and in test. Remove one"),
        (SPLITS | {"dev": ["002-b", "002-b"]}, r"'002-b' is in dev and in dev"),
        (SPLITS | {"dev": []}, r"the split dev has no article"),
    ],
)
def test_read_markup_corpus_refuses_splits(make_folder, splits, match):
    with pytest.raises(CorpusError, match=match):
        read_markup_corpus(make_folder(splits))


@pytest.mark.parametrize("name", ["1-a", "001", "001-A", "001-a b", "001--a"])
def test_read_markup_corpus_refuses_a_file_name(make_folder, name):
    with pytest.raises(CorpusError, match=r"unexpected file name. Expected three digits and a slug"):
        read_markup_corpus(make_folder(names=[name]))


def test_read_markup_corpus_refuses_a_folder_without_articles(tmp_path):
    with pytest.raises(CorpusError, match=r"articles: no article. Expected files named like 001"):
        read_markup_corpus(tmp_path)
