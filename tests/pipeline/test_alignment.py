import itertools

import numpy as np
import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.tokens import Doc
from spacy_transformers.align import get_alignment_via_offset_mapping

from spacy_llama_ner.pipeline.alignment import align_pieces

VOCAB = spacy.blank("en").vocab


def pieces_of_tokens(doc, offsets):
    first, last = align_pieces(doc[:], np.array(offsets, dtype=np.int64).reshape(-1, 2))
    return [[p for p in range(len(offsets)) if first[p] <= i <= last[p]] for i in range(len(doc))]


@pytest.mark.parametrize(
    ("words", "spaces", "offsets", "expected"),
    [
        # a byte-level piece holds the space before its word
        (["the", "CDU", "."], [True, False, False], [(0, 3), (3, 6), (6, 7), (7, 8)], [[0], [1, 2], [3]]),
        # one piece over two tokens
        (["3", "-", "1"], [False] * 3, [(0, 2), (2, 3)], [[0], [0], [1]]),
        # several pieces of one character
        (["é"], [False], [(0, 1), (0, 1)], [[0, 1]]),
        # a piece that is only whitespace belongs to nothing
        (["a", "b"], [True, False], [(0, 1), (1, 2), (2, 3)], [[0], [2]]),
        # a token without any piece
        (["a", "\u200b", "b"], [False] * 3, [(0, 1), (2, 3)], [[0], [], [1]]),
    ],
)
def test_align_pieces_finds_the_tokens(words, spaces, offsets, expected):
    assert pieces_of_tokens(Doc(VOCAB, words=words, spaces=spaces), offsets) == expected


def test_align_pieces_counts_from_the_doc_not_the_span():
    doc = Doc(VOCAB, words=["Mr.", "Sato", "spoke"])
    first, last = align_pieces(doc[1:3], np.array([[0, 4], [4, 10]]))
    assert first.tolist() == last.tolist() == [1, 2]


@settings(deadline=None, max_examples=200)
@given(
    st.lists(
        st.tuples(
            st.text(st.characters(codec="utf-8", exclude_categories=["Z", "C"]), min_size=1), st.booleans()
        ),
        min_size=1,
        max_size=8,
    ),
    st.data(),
)
def test_align_pieces_agrees_with_spacy_transformers(tokens, data):
    """On pieces without leading spaces, where that alignment is right."""
    doc = Doc(VOCAB, words=[word for word, _ in tokens], spaces=[space for _, space in tokens])
    places = range(len(doc.text) + 1)
    cuts = sorted({0, len(doc.text), *data.draw(st.lists(st.sampled_from(places)))})
    offsets = []
    for start, end in itertools.pairwise(cuts):
        text = doc.text[start:end]
        start += len(text) - len(text.lstrip())
        end -= len(text) - len(text.rstrip())
        if start < end:
            offsets.append((start, end))
    theirs = get_alignment_via_offset_mapping([doc[:]], [np.array(offsets).reshape(-1, 2)])
    parts = np.split(theirs.dataXd, np.cumsum(theirs.lengths)[:-1])
    assert pieces_of_tokens(doc, offsets) == [part.tolist() for part in parts]
