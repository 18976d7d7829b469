"""Texts of odd characters, each in the middle of names, alone, and many in a row."""

import numpy as np
import pytest
import spacy
from hostile_texts import FRAGMENTS, WHITESPACE
from properties import check_texts, count_entities, emissions_of
from random_pipelines import LABELS, PIPE
from spacy.tokens import Doc

from spacy_llama_ner.network.tags import begin_tag, inside_tag
from spacy_llama_ner.pipeline.words import word_indices

COMBINATIONS = [  # each kind of windows, attention and pooling at least once with each tokenizer
    ("llama", {}),
    ("llama", {"attention": "causal", "pooling": "mean", "spans": "sentences"}),
    ("llama", {"pooling": "first", "spans": "docs"}),
    ("bert", {"spans": "sentences"}),
    ("bert", {"pooling": "mean", "spans": "docs"}),
    ("unigram", {"pooling": "first"}),
    ("llama-mini", {"spans": "docs"}),
]
IDS = ["-".join([backbone, *options.values()]) for backbone, options in COMBINATIONS]


@pytest.mark.parametrize(("backbone", "options"), COMBINATIONS, ids=IDS)
@pytest.mark.parametrize("kind", FRAGMENTS)
def test_odd_characters_hold_what_all_texts_hold(pipelines, kind, backbone, options):
    group = FRAGMENTS[kind]
    texts = [
        f"Anna {' Kovac '.join(group)} met Sato.",  # by themselves
        "Berlin".join(group),  # within names
        "".join(group),  # and nothing else
    ]
    docs = check_texts(pipelines.get(backbone, **options), texts)
    assert count_entities(docs) > 0


@pytest.mark.parametrize("backbone", ["llama", "bert", "unigram", "llama-mini"])
def test_whitespace_alone_has_no_entities(pipelines, backbone):
    texts = ["", *WHITESPACE, "".join(WHITESPACE), "\n" * 200, " \n\t" * 50, "\u3000 " * 40]
    assert count_entities(check_texts(pipelines.get(backbone), texts)) == 0


@pytest.mark.parametrize("space", WHITESPACE, ids=ascii)
def test_an_entity_goes_on_over_whitespace_and_does_not_end_with_it(pipelines, space, monkeypatch):
    nlp = pipelines.get()

    def one_entity(docs):
        """One entity from the first word to the last."""
        all_rows = []
        for doc in docs:
            rows = np.full((len(word_indices(doc)), 1 + 2 * len(LABELS)), -50.0, dtype=np.float32)
            rows[0, begin_tag(2)] = rows[1:, inside_tag(2)] = 50.0
            all_rows.append(rows)
        return all_rows

    monkeypatch.setattr(nlp.get_pipe(PIPE).shim, "predict", one_entity)
    name = f"Anna{space}Kovac {space}{space}of{space * 3}Berlin"
    doc = nlp(f"{space * 2}{name}{space}{space}")
    assert [(ent.text, ent.label_) for ent in doc.ents] == [(name, LABELS[2])]


def test_byte_level_pieces_tell_all_planes_apart(pipelines):
    """Unassigned characters and private use too have pieces of their own, in no plane one unknown piece."""
    nlp = pipelines.get()
    for plane in range(17):
        one, two = (chr(plane << 16 | low) for low in (0xF8F0, 0xF8F1))
        rows, other = emissions_of(nlp, [Doc(nlp.vocab, words=["Anna", char]) for char in (one, two)])
        assert abs(rows[1] - other[1]).max() > 1e-3, hex(plane)


def test_lone_surrogates_are_refused_by_spacy_itself():
    """They are no text: spaCy's strings are UTF-8. No component ever sees such a Doc."""
    nlp = spacy.blank("en")
    with pytest.raises(UnicodeEncodeError, match="surrogates not allowed"):
        nlp.make_doc("Anna \ud800 Kovac")
    with pytest.raises(UnicodeEncodeError, match="surrogates not allowed"):
        Doc(nlp.vocab, words=["Anna", "\udfff"])


def test_surrogates_that_are_paired_are_one_character(pipelines):
    text = "Anna \ud83d\ude00 Kovac".encode("utf-16", "surrogatepass").decode("utf-16")
    (doc,) = check_texts(pipelines.get(), [text])
    assert doc[1].text == "\U0001f600"
