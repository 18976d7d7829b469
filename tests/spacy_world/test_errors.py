"""A doc that a component fails on: what becomes of it and of the docs beside it is as in spaCy's own components."""

import pytest
import spacy
from spacy.util import ignore_error, raise_error
from thinc.api import Model

BAD = "This doc is bad."
TEXTS = ["First.", BAD, "Third.", "Fourth.", "Anna Kovac visited Berlin on Monday."]
PIPES = ["llama_crf_ner", "tagger", "spancat"]  # not ner: spaCy 3.8.18's fails in set_error_handler


def fail_on_bad(model: Model) -> None:
    """Make a component's model fail on a batch that has the bad doc."""
    forward = model._func

    def fail(model, docs, is_train):
        if any(doc.text == BAD for doc in (docs[0] if isinstance(docs, tuple) else docs)):
            raise RuntimeError("cannot read this")
        return forward(model, docs, is_train)

    model._func = fail


@pytest.fixture(scope="module", params=PIPES)
def name(request):
    return request.param


@pytest.fixture(scope="module")
def broken(trained, gold, name):
    """A pipeline of the component, or of one of spaCy's, whose model fails on the bad doc."""
    if name == "llama_crf_ner":
        nlp = spacy.load(trained)
    else:
        nlp = spacy.blank("en")
        nlp.add_pipe(name)
        examples = gold(nlp)
        for example in examples:
            example.reference.spans["sc"] = list(example.reference.ents)
        nlp.initialize(lambda: examples)
    fail_on_bad(nlp.get_pipe(name).model)
    return nlp


@pytest.fixture
def failing(broken):
    """That pipeline, with spaCy's own error handler again after each test."""
    yield broken
    broken.set_error_handler(raise_error)


def piped(nlp, batch_size):
    return [doc.text for doc in nlp.pipe(TEXTS, batch_size=batch_size)]


def test_error_is_raised_by_default(failing):
    with pytest.raises(RuntimeError, match="cannot read this"):
        failing(BAD)
    with pytest.raises(RuntimeError, match="cannot read this"):
        piped(failing, 2)


@pytest.mark.parametrize(("batch_size", "left"), [(1, [0, 2, 3, 4]), (2, [2, 3, 4]), (5, [])])
def test_ignored_error_drops_the_batch_of_the_bad_doc_alone(failing, batch_size, left):
    failing.set_error_handler(ignore_error)
    assert piped(failing, batch_size) == [TEXTS[i] for i in left]


def test_ignored_error_leaves_no_doc_for_a_single_text(failing):
    failing.set_error_handler(ignore_error)
    with pytest.raises(ValueError, match="E005"):
        failing(BAD)
    assert failing("Third.").text == "Third."


def test_error_handler_gets_the_component_and_the_batch(failing, name):
    calls = []
    failing.set_error_handler(
        lambda pipe_name, pipe, docs, error: calls.append(
            (pipe_name, pipe, [doc.text for doc in docs], str(error))
        )
    )
    piped(failing, 2)
    assert calls == [(name, failing.get_pipe(name), TEXTS[:2], "cannot read this")]


def test_component_goes_on_after_an_ignored_error(trained):
    nlp = spacy.load(trained)
    fail_on_bad(nlp.get_pipe("llama_crf_ner").model)
    nlp.set_error_handler(ignore_error)
    *_, doc = nlp.pipe(TEXTS, batch_size=2)
    assert [ent.text for ent in doc.ents] == ["Anna Kovac", "Berlin"]


def test_error_handler_of_the_component_alone(failing, name):
    failing.get_pipe(name).set_error_handler(ignore_error)
    assert piped(failing, 1) == [text for text in TEXTS if text != BAD]


def test_contexts_stay_with_their_docs_after_an_ignored_error(failing):
    failing.set_error_handler(ignore_error)
    pairs = failing.pipe(zip(TEXTS, range(5), strict=True), as_tuples=True, batch_size=1)
    assert [(doc.text, number) for doc, number in pairs] == [(TEXTS[i], i) for i in (0, 2, 3, 4)]
