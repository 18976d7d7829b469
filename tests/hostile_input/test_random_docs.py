"""Random Docs: texts from all of Unicode, mixtures of hostile fragments, Docs built from words and spaces.

Each example has five Docs, so that they are batched with one another. The slow test has 10,000 Docs.
"""

import numpy as np
import pytest
from hostile_texts import texts, words
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from properties import TOLERANCE, check_docs, count_entities, emissions_of
from random_pipelines import Pipelines
from spacy.language import Language
from spacy.tokens import Doc

from spacy_llama_ner.pipeline.words import word_indices

DOCS = 5  # of an example
COMBINATIONS = [
    (backbone, attention, pooling, spans)
    for backbone in ("llama", "bert", "unigram", "llama-mini")
    for attention in ("bidirectional", "causal")
    if (backbone, attention) != ("bert", "causal")  # an encoder sees ahead
    for pooling, spans in (("last", "strided"), ("first", "sentences"), ("mean", "docs"))
]
TINY = [combination for combination in COMBINATIONS if combination[0] != "llama-mini"]

recipes = st.lists(texts | words, min_size=DOCS, max_size=DOCS)


def make_docs(nlp: Language, recipes: list) -> list[Doc]:
    """RETURNS (List[Doc]): A text's Doc for each text, and a Doc built by hand for each list of words and spaces."""
    return [
        nlp.make_doc(recipe)
        if isinstance(recipe, str)
        else Doc(nlp.vocab, words=[word for word, _ in recipe], spaces=[space for _, space in recipe])
        for recipe in recipes
    ]


def check_random_docs(pipelines: Pipelines, combinations: list, *, n_docs: int) -> None:
    """Hold everything for random Docs, and see to it that there were as many, and entities in them."""
    seen = {"docs": 0, "entities": 0, "longer": 0}

    @settings(
        max_examples=n_docs // DOCS,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.sampled_from(combinations), recipes, st.permutations(range(DOCS)))
    def check(combination, recipes, order):
        backbone, attention, pooling, spans = combination
        nlp = pipelines.get(backbone, attention=attention, pooling=pooling, spans=spans)
        docs = check_docs(nlp, lambda: make_docs(nlp, recipes), order=order)
        seen["docs"] += len(docs)
        seen["entities"] += count_entities(docs)
        seen["longer"] += sum(len(ent) > 1 for doc in docs for ent in doc.ents)

    check()
    assert seen["docs"] >= n_docs
    # many Docs are empty or whitespace alone, or all unknown pieces to a BERT
    assert seen["entities"] > n_docs / 4
    assert seen["longer"] > n_docs / 10


def test_random_docs_on_tiny_backbones(pipelines):
    check_random_docs(pipelines, TINY, n_docs=300)


@settings(max_examples=100, derandomize=True, database=None, deadline=None)
@given(words.filter(len), st.data())
def test_every_word_of_a_random_doc_counts(pipelines, words, data):
    """On pieces of bytes; WordPiece has one unknown piece for much."""
    nlp = pipelines.get(attention="causal", pooling="last")
    texts, spaces = map(list, zip(*words, strict=True))
    doc = Doc(nlp.vocab, words=texts, spaces=spaces)
    indices = word_indices(doc)
    assume(len(indices))
    word = data.draw(st.integers(0, len(indices) - 1))
    texts[indices[word]] = "Zq"
    other = Doc(nlp.vocab, words=texts, spaces=spaces)
    one, two = (emissions_of(nlp, [each])[0] for each in (doc, other))
    assert np.abs(one[word] - two[word]).max() > TOLERANCE


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("backbone", ["llama", "bert", "unigram", "llama-mini"])
def test_ten_thousand_random_docs(pipelines, backbone):
    combinations = [combination for combination in COMBINATIONS if combination[0] == backbone]
    check_random_docs(pipelines, combinations, n_docs=2_500)
