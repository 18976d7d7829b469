import logging
import re

import numpy as np
import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.tokens import Doc
from spacy_transformers.span_getters import configure_get_doc_spans, configure_strided_spans
from tiny_models import make_tiny_llama

from spacy_llama_ner.network.backbone import load_tokenizer, special_pieces
from spacy_llama_ner.pipeline.windows import make_windows
from spacy_llama_ner.pipeline.words import word_indices

NLP = spacy.blank("en")


@pytest.fixture(scope="module")
def windows(tmp_path_factory):
    tokenizer = load_tokenizer(str(make_tiny_llama(tmp_path_factory.mktemp("tokenizer"))))

    def windows(docs, *, window=8, stride=6, max_pieces=100):
        get_spans = configure_strided_spans(window=window, stride=stride)
        special = special_pieces(tokenizer)
        return make_windows(docs, get_spans, tokenizer, special_pieces=special, max_pieces=max_pieces)

    windows.tokenizer = tokenizer
    return windows


def texts(batch, tokenizer):
    """RETURNS (List[str]): What each token's pieces spell, in the order of the tokens."""
    found = [[] for _ in range(sum(batch.doc_lengths))]
    for window, position, token in zip(batch.window_index, batch.position, batch.token_index, strict=True):
        found[token].append(batch.windows[window][position])
    return [tokenizer.decode(ids).strip() for ids in found]


def test_windows_put_special_pieces_around_each_window(windows):
    batch = windows(
        [NLP("Anna Kovac visited Berlin on Monday and then went home again.")], window=4, stride=4
    )
    assert len(batch.windows) == 3
    assert all(window[0] == 0 and 0 not in window[1:] for window in batch.windows)


def test_windows_of_empty_docs_are_none(windows):
    batch = windows([NLP(""), NLP("Yes"), NLP("")])
    assert batch.doc_lengths == [0, 1, 0]
    assert len(batch.windows) == 1


def test_windows_leave_whitespace_tokens_out(windows):
    doc = NLP("Anna\n\nKovac   spoke.")
    batch = windows([doc])
    assert batch.doc_lengths == [4]
    assert texts(batch, windows.tokenizer) == ["Anna", "Kovac", "spoke", "."]


def test_windows_of_whitespace_alone_have_no_tokens(windows):
    assert windows([NLP(" \n\n ")]).doc_lengths == [0]


def test_windows_never_exceed_the_limit(windows):
    doc = NLP("Anna Kovac visited Berlin, Lisbon and Ghana on Monday. " * 20)
    batch = windows([doc], window=64, stride=48, max_pieces=16)
    assert max(map(len, batch.windows)) <= 16
    assert texts(batch, windows.tokenizer) == [doc[int(i)].text for i in word_indices(doc)]


def test_windows_are_parted_at_a_token(windows):
    doc = NLP("Anna Kovac visited Berlin, Lisbon and Ghana on Monday. " * 5)
    batch = windows([doc], window=64, stride=64, max_pieces=16)
    homes = [set(batch.window_index[batch.token_index == i]) for i in range(sum(batch.doc_lengths))]
    assert all(len(home) == 1 for home in homes)


def test_windows_part_a_token_that_is_longer_than_the_limit(windows):
    doc = Doc(NLP.vocab, words=["x" * 500, "end"])
    batch = windows([doc], max_pieces=16)
    assert texts(batch, windows.tokenizer)[0].replace(" ", "") == "x" * 500
    assert max(map(len, batch.windows)) <= 16


def test_windows_in_an_overlap_read_a_token_where_it_is_farthest_from_an_edge(windows):
    # tokens 0-7 and 6-13; the overlap is 6 and 7
    doc = Doc(NLP.vocab, words=["a"] * 14)
    batch = windows([doc], window=8, stride=6)
    assert len(batch.windows) == 2
    home = batch.window_index[np.flatnonzero(np.diff(batch.token_index, prepend=-1))]
    # 6 is 1 from the first window's end and 0 from the second's start; 7 is 0 and 1
    assert home.tolist() == [0] * 7 + [1] * 7


def test_windows_do_not_count_the_docs_own_ends_as_edges(windows):
    # tokens 0-7, 2-9: nothing is cut before 0 or after 9
    doc = Doc(NLP.vocab, words=["a"] * 10)
    batch = windows([doc], window=8, stride=2)
    home = batch.window_index[np.flatnonzero(np.diff(batch.token_index, prepend=-1))]
    assert home.tolist() == [0, 0, 0, 0, 0, 1, 1, 1, 1, 1]


def test_windows_say_what_a_span_getter_leaves_out(windows, caplog):
    doc = NLP("Anna Kovac visited Berlin.")
    with caplog.at_level(logging.WARNING):
        batch = make_windows(
            [doc], lambda docs: [[docs[0][1:3]]], windows.tokenizer, special_pieces=([0], []), max_pieces=100
        )
    assert "leaves 3 of 5 words out, the first is 'Anna'" in caplog.text
    assert set(batch.token_index) == {1, 2}


def test_windows_of_a_doc_are_logged_if_they_are_several(windows, caplog):
    docs = [NLP("Yes."), NLP("Anna Kovac visited Berlin on Monday and then went home again."), NLP("")]
    with caplog.at_level(logging.DEBUG, logger="spacy_llama_ner"):
        batch = windows(docs, window=6, stride=6, max_pieces=11)
    assert len(batch.windows) == 1 + 6
    assert [record.getMessage() for record in caplog.records] == [
        "A doc of 12 words is read in 6 windows; 2 of its 2 spans have more than 10 pieces and are parted. "
        "It begins 'Anna Kovac visited Berlin on Monday and then'."
    ]


def test_windows_are_not_logged_unless_asked_for(windows, caplog):
    with caplog.at_level(logging.INFO, logger="spacy_llama_ner"):
        windows([NLP("Anna Kovac visited Berlin on Monday.")], window=2, stride=2)
    assert not caplog.records


def test_windows_refuse_a_limit_without_room(windows):
    with pytest.raises(ValueError, match="max_window_pieces: 1 leaves no room beside 1 special pieces"):
        windows([NLP("Yes")], max_pieces=1)


def test_windows_of_whole_docs(windows):
    batch = make_windows(
        [NLP("One two."), NLP("Three.")],
        configure_get_doc_spans(),
        windows.tokenizer,
        special_pieces=([0], []),
        max_pieces=100,
    )
    assert len(batch.windows) == 2


@settings(deadline=None, max_examples=150)
@given(
    st.lists(st.text(st.characters(codec="utf-8"), max_size=60), max_size=4),
    st.integers(1, 9),
    st.integers(0, 8),
    st.integers(4, 40),
)
def test_windows_give_every_word_all_its_pieces_once(windows, raw, window, overlap, max_pieces):
    docs = [NLP(text) for text in raw]
    batch = windows(docs, window=window, stride=max(1, window - overlap), max_pieces=max_pieces)
    assert batch.doc_lengths == [len(word_indices(doc)) for doc in docs]
    assert all(len(ids) <= max_pieces for ids in batch.windows)
    assert (np.diff(batch.token_index) >= 0).all()
    places = list(zip(batch.window_index, batch.position, batch.token_index, strict=True))
    assert len(set(places)) == len(places)
    words = [doc[int(i)].text for doc in docs for i in word_indices(doc)]
    for word, spelled in zip(words, texts(batch, windows.tokenizer), strict=True):
        if re.fullmatch(r"[A-Za-z]+", word):  # other tokens may share pieces with their neighbours
            assert word in spelled
