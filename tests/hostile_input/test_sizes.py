"""Docs and tokens of any size: nothing is cut off, and every part of a token counts."""

import string

import numpy as np
import pytest
from properties import TOLERANCE, check_entities, check_same, emissions_of
from random_pipelines import Pipelines
from spacy.language import Language
from spacy.tokens import Doc

LONG = 100_000  # tokens of one Doc
HUGE = 50_000  # characters of one token
SURE = 1e-3  # ten times the tolerance of `properties`: a change of that size is no rounding


@pytest.mark.parametrize(
    ("backbone", "attention", "pooling"),
    [
        ("llama", "bidirectional", "first"),
        ("llama", "causal", "last"),
        pytest.param("llama", "bidirectional", "mean", marks=pytest.mark.slow),
        pytest.param("llama-mini", "bidirectional", "last", marks=pytest.mark.slow),
    ],
)
def test_every_part_of_a_huge_token_counts(pipelines, backbone, attention, pooling):
    nlp = pipelines.get(
        backbone, attention=attention, pooling=pooling, max_window_pieces=512, max_batch_pieces=8192
    )
    # in the tiny Llama one character is one piece, so that a change moves no window's borders
    texts = ["q" * HUGE]
    texts += [f"{texts[0][:place]}z{texts[0][place + 1 :]}" for place in (0, HUGE // 2, HUGE - 1)]
    docs = [Doc(nlp.vocab, words=["Anna", text, "spoke"]) for text in texts]
    base, *others = (rows[1] for rows in emissions_of(nlp, docs))
    assert all(np.abs(other - base).max() > SURE for other in others)


def long_doc(nlp: Language, length: int = LONG) -> Doc:
    """RETURNS (Doc): Letters, digits, punctuation and line breaks in random order, the same each time."""
    characters = np.array([*string.ascii_letters, *string.digits, *string.punctuation, "\n", "\n "])
    return Doc(nlp.vocab, words=np.random.default_rng(0).choice(characters, length).tolist())


def full_size(pipelines: Pipelines, backbone: str) -> Language:
    return pipelines.get(backbone, spans="default", max_window_pieces=512, max_batch_pieces=8192)


@pytest.mark.parametrize("backbone", ["llama", pytest.param("llama-mini", marks=pytest.mark.slow)])
def test_every_token_of_a_long_doc_counts(pipelines, backbone):
    nlp = full_size(pipelines, backbone)
    doc = long_doc(nlp)
    words = [token.text for token in doc]
    places = [0, 1, LONG // 2, LONG - 100, LONG - 1]
    assert not any(doc[place].is_space for place in places)
    for place in places:
        words[place] = "Zq"
    other = Doc(nlp.vocab, words=words, spaces=[bool(token.whitespace_) for token in doc])
    one, two = (emissions_of(nlp, [each])[0] for each in (doc, other))
    change = np.zeros(LONG)
    change[[not token.is_space for token in doc]] = np.abs(one - two).max(axis=1)
    assert (change[places] > SURE).all()
    # what is farther away than a window is read as before: nothing has slipped
    far = np.abs(np.arange(LONG)[:, None] - places).min(axis=1) > 128
    assert far.sum() > 0.99 * LONG
    assert change[far].max() <= TOLERANCE


@pytest.mark.parametrize(
    ("backbone", "length"),
    [
        ("llama", LONG // 20),
        pytest.param("llama", LONG, marks=pytest.mark.slow),
        pytest.param("llama-mini", LONG, marks=pytest.mark.slow),
    ],
)
def test_a_long_doc_has_entities_to_its_end_alone_and_in_a_batch(pipelines, backbone, length):
    nlp = full_size(pipelines, backbone)
    text = long_doc(nlp, length).text
    alone = nlp(long_doc(nlp, length))
    assert len(alone) == length
    assert alone.text == text
    check_entities(alone)
    covered = np.array([bool(token.ent_type) for token in alone]).reshape(50, -1).mean(axis=1)
    assert (covered > 0.1).all()
    emissions = emissions_of(nlp, [long_doc(nlp, length)])[0]
    batch = [nlp.make_doc("Anna spoke."), long_doc(nlp, length), nlp.make_doc("")]
    piped = list(nlp.pipe(batch, batch_size=3))[1]
    assert piped.text == text
    check_same(nlp, alone, piped, emissions=emissions)
