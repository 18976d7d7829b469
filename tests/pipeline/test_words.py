import pytest
import spacy
from spacy.tokens import Doc
from spacy.vocab import Vocab

from spacy_llama_ner.pipeline.words import word_indices

NLP = spacy.blank("en")
WHITESPACE = [chr(code) for code in range(0x110000) if chr(code).isspace()]


@pytest.mark.parametrize("vocab", [NLP.vocab, Vocab()], ids=["with flags", "bare"])
def test_words_are_all_but_whitespace(vocab):
    doc = Doc(vocab, words=["\n", "Anna", " ", "\u2028\u3000", "\u200b", "\x00", "a b", " "])
    assert word_indices(doc).tolist() == [1, 4, 5, 6]


def test_words_leave_all_unicode_whitespace_out():
    assert word_indices(Doc(NLP.vocab, words=[*WHITESPACE, "Anna"])).tolist() == [len(WHITESPACE)]


def test_words_leave_an_empty_token_out():
    doc = Doc(NLP.vocab, words=["Anna", "spoke"])
    with doc.retokenize() as retokenizer:
        retokenizer.split(doc[0], ["", "Anna"], heads=[doc[1], doc[1]])
    assert [token.text for token in doc] == ["", "Anna", "spoke"]
    assert word_indices(doc).tolist() == [1, 2]


def test_words_of_an_empty_doc_are_none():
    assert word_indices(NLP("")).tolist() == []
