import os
import subprocess
import sys
from pathlib import Path

import pytest
from spacy.tokens import DocBin
from spacy.vocab import Vocab

from spacy_llama_ner.corpus.article import Article, Corpus, CorpusError, Sentence
from spacy_llama_ner.corpus.conll import format_conll, read_conll
from spacy_llama_ner.corpus.docbin import corpus_to_docs, write_docbin

CORPUS_2003 = Path(__file__).parents[3] / "shared" / "conll2003"

ANNA = Sentence(
    ("Anna", "Kovac", "sails", "."),
    ("B-PER", "I-PER", "O", "O"),
    ("NNP", "NNP", "VBZ", "."),
    ("B-NP", "I-NP", "B-VP", "O"),
)
OSLO = Sentence(("Oslo", "Bergen"), ("B-LOC", "B-LOC"), ("NNP", "_"), ("I-NP", "NP"))
RIGA = Sentence(("Riga", "!"), ("B-LOC", "O"))
CORPUS = Corpus((Article((ANNA, OSLO)), Article((RIGA,))), has_articles=True)


def entities(doc):
    return [(ent.text, ent.label_) for ent in doc.ents]


@pytest.fixture(params=["in memory", "from disk"])
def make_docs(request, tmp_path):
    """Make Docs, either as they are or written and read again."""

    def make(corpus, **options):
        docs = corpus_to_docs(corpus, Vocab(), **options)
        if request.param == "in memory":
            return list(docs)
        write_docbin(docs, tmp_path / "new folder" / "train.spacy")
        return list(DocBin().from_disk(tmp_path / "new folder" / "train.spacy").get_docs(Vocab()))

    return make


def test_corpus_to_docs_makes_a_doc_of_each_sentence(make_docs):
    docs = make_docs(CORPUS)
    assert [doc.text for doc in docs] == ["Anna Kovac sails.", "Oslo Bergen", "Riga!"]
    assert [entities(doc) for doc in docs] == [
        [("Anna Kovac", "PER")],
        [("Oslo", "LOC"), ("Bergen", "LOC")],
        [("Riga", "LOC")],
    ]
    assert [len(list(doc.sents)) for doc in docs] == [1, 1, 1]


def test_corpus_to_docs_makes_a_doc_of_each_article(make_docs):
    docs = make_docs(CORPUS, unit="article")
    assert [doc.text for doc in docs] == ["Anna Kovac sails. Oslo Bergen", "Riga!"]
    assert [sent.text for sent in docs[0].sents] == ["Anna Kovac sails.", "Oslo Bergen"]
    assert entities(docs[0]) == [("Anna Kovac", "PER"), ("Oslo", "LOC"), ("Bergen", "LOC")]


def test_corpus_to_docs_plain_puts_single_spaces(make_docs):
    docs = make_docs(CORPUS, unit="article", spacing="plain")
    assert [doc.text for doc in docs] == ["Anna Kovac sails . Oslo Bergen", "Riga !"]


def test_corpus_to_docs_knows_each_token_and_its_spaces(make_docs):
    for doc in make_docs(CORPUS):
        assert all(token.ent_iob_ in ("O", "B", "I") for token in doc)
        assert not doc.has_unknown_spaces


def test_corpus_to_docs_keeps_known_pos(make_docs):
    doc, riga = make_docs(CORPUS, unit="article")
    assert [token.tag_ for token in doc] == ["NNP", "NNP", "VBZ", ".", "NNP", ""]
    assert not riga.has_annotation("TAG")


def test_corpus_to_docs_keeps_chunk_tags_as_the_source_wrote_them(make_docs):
    doc, riga = make_docs(CORPUS, unit="article")
    assert doc.user_data["chunk_tags"] == ("B-NP", "I-NP", "B-VP", "O", "I-NP", "NP")
    assert "chunk_tags" not in riga.user_data


def test_write_docbin_says_how_many_docs(tmp_path):
    assert write_docbin(corpus_to_docs(CORPUS, Vocab()), tmp_path / "train.spacy") == 3


def test_corpus_to_docs_refuses_articles_of_a_source_without(tmp_path):
    corpus = Corpus(CORPUS.articles, has_articles=False)
    with pytest.raises(CorpusError, match=r"no -DOCSTART-. Convert with --unit sentence"):
        corpus_to_docs(corpus, Vocab(), unit="article")


def test_corpus_to_docs_refuses_an_unknown_unit():
    with pytest.raises(CorpusError, match=r"Unknown unit 'page'. Expected one of: sentence, article"):
        corpus_to_docs(CORPUS, Vocab(), unit="page")


def test_corpus_to_docs_refuses_an_unknown_spacing():
    with pytest.raises(CorpusError, match=r"Unknown spacing 'wide'. Expected one of: natural, plain"):
        corpus_to_docs(CORPUS, Vocab(), spacing="wide")


@pytest.mark.skipif(not CORPUS_2003.is_dir(), reason=f"needs CoNLL-2003's licensed files in {CORPUS_2003}")
@pytest.mark.parametrize("unit", ["sentence", "article"])
def test_corpus_to_docs_keeps_all_of_conll_2003(unit):
    docs = list(corpus_to_docs(read_conll(CORPUS_2003 / "dev.txt"), Vocab(), unit=unit))
    assert len(docs) == {"sentence": 3_250, "article": 216}[unit]
    assert sum(len(doc) for doc in docs) == 51_362
    assert sum(len(doc.ents) for doc in docs) == 5_942


SCRIPT = """
import sys
from pathlib import Path
from spacy.vocab import Vocab
from spacy_llama_ner.corpus.conll import read_conll
from spacy_llama_ner.corpus.docbin import corpus_to_docs, write_docbin
write_docbin(corpus_to_docs(read_conll(Path(sys.argv[1])), Vocab()), Path(sys.argv[2]))
"""


def test_write_docbin_writes_the_same_bytes_in_every_process(tmp_path):
    source, here, there = (tmp_path / name for name in ("train.conll", "here.spacy", "there.spacy"))
    source.write_text(format_conll(CORPUS.articles), encoding="utf-8")
    write_docbin(corpus_to_docs(read_conll(source), Vocab()), here)
    # Sets of strings come in another order there.
    seed = "1" if os.environ.get("PYTHONHASHSEED") != "1" else "2"
    env = os.environ | {"PYTHONHASHSEED": seed}
    subprocess.run([sys.executable, "-c", SCRIPT, str(source), str(there)], env=env, check=True)
    assert here.read_bytes() == there.read_bytes()
