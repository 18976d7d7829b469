"""What must hold for every Doc, however it was made: alone, in every batch, and in `nlp.pipe`.

Floats are not added up in the same order in every batch (padding, grouping, other kernels without a mask), so
emissions differ a little: at most 2e-5 was measured on emissions with a standard deviation of 6. From emissions on,
everything is exact: the best path is the same unless two paths are that near to each other. So three things are
held, and none is loosened silently:

- Emissions agree within `TOLERANCE`.
- Entities are equal, or else the CRF itself scores the two paths alike. Let p be best under emissions e, and q
  under e', with |e - e'| <= t. From s'(q) >= s'(p) follows s(p) - s(q) <= 2 t n, where n tokens have another tag
  in q than in p; a larger margin is a failure.
- Scores of equal entities agree within `TOLERANCE`.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise

import numpy as np
from random_pipelines import LABELS, PIPE
from spacy.language import Language
from spacy.tokens import Doc

from spacy_llama_ner.network.tags import spans_to_tags
from spacy_llama_ner.pipeline.words import word_indices

TOLERANCE = 1e-4


def emissions_of(nlp: Language, docs: Sequence[Doc]) -> list[np.ndarray]:
    """RETURNS (List[ndarray]): Shape (T, K) per Doc; the Docs stay as they are."""
    split = nlp.get_pipe("sentencizer")
    return nlp.get_pipe(PIPE).model.predict([split(doc.copy()) for doc in docs])


def entities(doc: Doc) -> list[tuple[int, int, str]]:
    return [(ent.start, ent.end, ent.label_) for ent in doc.ents]


def fingerprint(doc: Doc) -> list[tuple[str, str, int]]:
    """RETURNS (list): What the component must not touch: texts, spaces, places."""
    return [(token.text, token.whitespace_, token.idx) for token in doc]


def has_blank_edge(text: str) -> bool:
    return text != text.strip() or not text


def check_entities(doc: Doc) -> None:
    """No entity is empty, is whitespace alone, or begins or ends with whitespace.

    Whitespace that somebody built into a word (`Doc(vocab, words=["Anna "])`, or a merge) is part of that word.
    """
    for ent in doc.ents:
        for token in (ent[0], ent[-1]):
            assert token.text.strip(), (ent.start, ent.end, doc.text)
        if not has_blank_edge(ent[0].text) and not has_blank_edge(ent[-1].text):
            assert not has_blank_edge(ent.text), (ent.text, doc.text)
        assert ent.label_ in LABELS
        assert 0.0 <= ent._.score <= 1.0


def check_same(nlp: Language, one: Doc, other: Doc, *, emissions: np.ndarray) -> bool:
    """Check that two predictions for the same text agree; see the head of this file.

    emissions (ndarray): Shape (T, K), those of the Doc alone.
    RETURNS (bool): False if two paths were so near to each other that the other one was found.
    """
    if entities(one) == entities(other):
        scores, other_scores = ([ent._.score for ent in doc.ents] for doc in (one, other))
        np.testing.assert_allclose(scores, other_scores, rtol=0, atol=TOLERANCE)
        return True
    tags, other_tags = (np.array(_tags(doc)) for doc in (one, other))
    margin = abs(_path_score(nlp, emissions, tags) - _path_score(nlp, emissions, other_tags))
    allowed = 2 * TOLERANCE * int((tags != other_tags).sum())
    assert margin <= allowed, (margin, entities(one), entities(other), one.text)
    return False


def check_docs(nlp: Language, make_docs: Callable[[], list[Doc]], *, order: Sequence[int]) -> list[Doc]:
    """Hold everything for some Docs: alone, in batches of several sizes, and in another order.

    make_docs (Callable): Makes the same Docs anew each time.
    order (Sequence[int]): A permutation of their indices.
    RETURNS (List[Doc]): The Docs predicted alone.
    """
    pristine = make_docs()
    alone = [nlp(doc) for doc in make_docs()]
    alone_emissions = [emissions_of(nlp, [doc])[0] for doc in pristine]
    for doc, before in zip(alone, pristine, strict=True):
        assert fingerprint(doc) == fingerprint(before)
        assert doc.text == before.text
        check_entities(doc)
    for places, batch_size in ((list(range(len(pristine))), 2), (list(order), len(pristine))):
        together = emissions_of(nlp, [pristine[i] for i in places])
        for i, rows in zip(places, together, strict=True):
            assert rows.shape == (len(word_indices(pristine[i])), 1 + 2 * len(LABELS))
            np.testing.assert_allclose(rows, alone_emissions[i], rtol=0, atol=TOLERANCE)
        docs = make_docs()
        piped = nlp.pipe([docs[i] for i in places], batch_size=max(1, batch_size))
        for i, doc in zip(places, piped, strict=True):
            assert fingerprint(doc) == fingerprint(pristine[i])
            check_entities(doc)
            check_same(nlp, alone[i], doc, emissions=alone_emissions[i])
    return alone


def check_texts(nlp: Language, texts: Sequence[str]) -> list[Doc]:
    """Hold everything for texts: `check_docs`, and what goes in as text is what comes out.

    RETURNS (List[Doc]): The Docs predicted alone.
    """
    docs = check_docs(nlp, lambda: [nlp.make_doc(text) for text in texts], order=range(len(texts))[::-1])
    assert [doc.text for doc in docs] == list(texts)
    assert [doc.text for doc in nlp.pipe(texts)] == list(texts)
    return docs


def count_entities(docs: Iterable[Doc]) -> int:
    return sum(len(doc.ents) for doc in docs)


def _tags(doc: Doc) -> list[int]:
    words = word_indices(doc)
    spans = [
        (int(np.searchsorted(words, start)), int(np.searchsorted(words, end)), LABELS.index(label))
        for start, end, label in entities(doc)
    ]
    return spans_to_tags(spans, len(words))


def _path_score(nlp: Language, emissions: np.ndarray, tags: Sequence[int]) -> float:
    """RETURNS (float): The CRF's score of a path, in nats, not normalised; term by term, as an oracle."""
    crf = nlp.get_pipe(PIPE).shim.network.crf
    start, transitions, end = (
        weight.detach().double().numpy()
        for weight in (crf.start_transitions, crf.transitions, crf.end_transitions)
    )
    steps = sum(transitions[one, two] for one, two in pairwise(tags))
    own = sum(float(row[tag]) for row, tag in zip(emissions, tags, strict=True))
    return float(start[tags[0]] + steps + own + end[tags[-1]])
