"""Docs that no tokenizer would make: built by hand, retokenized, cut out of others, joined."""

import itertools

import pytest
from properties import check_docs, check_entities, count_entities, emissions_of, entities
from random_pipelines import PIPE
from spacy.tokens import Doc
from spacy.vocab import Vocab

BACKBONES = ["llama", "bert", "unigram", "llama-mini"]
TEXT = "Anna Kovac visited\nBerlin and Northgate  Steel. The Danish court heard Mr. Sato on Monday.\n\nIt rained."


def merged(nlp):
    """Names become one token, one of them with a line break at its end; whitespace is merged with a word."""
    doc = nlp.make_doc(TEXT)
    with doc.retokenize() as retokenizer:
        retokenizer.merge(doc[0:2])
        retokenizer.merge(doc[2:4])
        retokenizer.merge(doc[6:9])
        retokenizer.merge(doc[17:20])
    return doc


def split(nlp):
    """Words are parted, one of them into single characters, and one has an empty token in front."""
    doc = nlp.make_doc(TEXT)
    with doc.retokenize() as retokenizer:
        retokenizer.split(doc[0], list("Anna"), heads=[(doc[0], 0)] * 4)
        retokenizer.split(doc[1], ["", "Kovac"], heads=[(doc[1], 1)] * 2)
        retokenizer.split(doc[4], ["Ber", "lin"], heads=[(doc[4], 1)] * 2)
    return doc


def joined(nlp):
    return Doc.from_docs([nlp.make_doc(TEXT), nlp.make_doc(""), nlp.make_doc(" \n"), nlp.make_doc(TEXT)])


MAKERS = {
    "without spaces": lambda nlp: Doc(nlp.vocab, words=TEXT.split(), spaces=[False] * len(TEXT.split())),
    "spaces in words": lambda nlp: Doc(
        nlp.vocab, words=["Anna Kovac", "in", "New\nYork", "\ta", "b ", " c "] * 4
    ),
    "one character a word": lambda nlp: Doc(nlp.vocab, words=list(TEXT), spaces=[False] * len(TEXT)),
    "one word": lambda nlp: Doc(nlp.vocab, words=[TEXT * 5]),
    "spaces after whitespace": lambda nlp: Doc(
        nlp.vocab, words=["\n", "Anna", " ", "Kovac", "\n"], spaces=[True] * 5
    ),
    "combining marks as words": lambda nlp: Doc(
        nlp.vocab, words=["A", "\u0301", "nna", "\u200d", "\u0308", "K", "\ufe0f"], spaces=[False] * 7
    ),
    "parts of one emoji": lambda nlp: Doc(
        nlp.vocab,
        words=["\U0001f468", "\u200d", "\U0001f469", "\U0001f3fd", "\U0001f1e9"],
        spaces=[False] * 5,
    ),
    "a bare vocab": lambda nlp: Doc(Vocab(), words=["Anna", "\n", "Kovac", " ", "\n ", "in", "Berlin"] * 3),
    "merged": merged,
    "split": split,
    "cut out": lambda nlp: nlp.make_doc(TEXT)[3:9].as_doc(),
    "cut out of predictions": lambda nlp: nlp(TEXT)[3:9].as_doc(),
    "joined": joined,
    "joined predictions": lambda nlp: Doc.from_docs([nlp(TEXT), nlp("It rained.")]),
    "empty": lambda nlp: Doc(nlp.vocab),
}


@pytest.mark.parametrize(
    ("backbone", "spans"),
    [
        *itertools.product(BACKBONES[:3], ["strided", "sentences", "docs"]),
        ("llama-mini", "strided"),
        pytest.param("llama-mini", "sentences", marks=pytest.mark.slow),
        pytest.param("llama-mini", "docs", marks=pytest.mark.slow),
    ],
)
def test_odd_docs_hold_what_all_docs_hold(pipelines, backbone, spans):
    nlp = pipelines.get(backbone, spans=spans)
    order = [(7 * i) % len(MAKERS) for i in range(len(MAKERS))]
    docs = check_docs(nlp, lambda: [make(nlp) for make in MAKERS.values()], order=order)
    assert count_entities(docs) > 30
    assert sum(len(ent) > 1 for doc in docs for ent in doc.ents) > 5


@pytest.mark.parametrize("backbone", BACKBONES)
def test_without_spaces_each_word_has_its_own_emissions(pipelines, backbone):
    nlp = pipelines.get(backbone, pooling="last")
    words = ["Anna", "Kovac", "in", "Berlin", "Steel", "said"]
    (base,) = emissions_of(nlp, [Doc(nlp.vocab, words=words, spaces=[False] * 6)])
    for place in range(len(words)):
        other = [*words[:place], "Sato" if backbone != "bert" else "it", *words[place + 1 :]]
        (rows,) = emissions_of(nlp, [Doc(nlp.vocab, words=other, spaces=[False] * 6)])
        assert abs(rows[place] - base[place]).max() > 1e-3, words[place]


def test_entities_kept_from_before_stay_in_a_joined_doc(pipelines):
    nlp = pipelines.get(overwrite=False)
    one, two = nlp(TEXT), nlp("Anna Kovac visited Berlin.")
    doc = nlp.get_pipe(PIPE)(Doc.from_docs([one, two]))
    shifted = [
        (start + len(doc) - len(two), end + len(doc) - len(two), label) for start, end, label in entities(two)
    ]
    assert set(entities(one) + shifted) <= set(entities(doc))
    assert [ent.text for ent in doc.ents] == [ent.text.strip() for ent in doc.ents]


def test_an_empty_token_has_no_entity(pipelines):
    """`retokenizer.split` makes one; no entity may begin or end there, and none is empty."""
    nlp = pipelines.get(spans="docs")
    doc = nlp(split(nlp))
    assert [token.text for token in doc[4:6]] == ["", "Kovac"]
    assert not doc[4].ent_type or doc[4].ent_iob_ == "I"
    check_entities(doc)
