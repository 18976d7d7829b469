"""Frozen and annotating components in `[training]`, through `spacy train`."""

import numpy as np
import pytest
import spacy
from spacy.language import Language

PIPE = "llama_crf_ner"
TEXT = "Anna Kovac visited Berlin on Monday."
FOUND = [("Anna Kovac", "PER"), ("Berlin", "LOC")]
SMALL = {
    "@architectures": "spacy.HashEmbedCNN.v2",
    "pretrained_vectors": None,
    "width": 16,
    "depth": 1,
    "embed_size": 200,
    "window_size": 1,
    "maxout_pieces": 2,
    "subword_features": True,
}
TAGGER = {
    "factory": "tagger",
    "model": {"@architectures": "spacy.Tagger.v2", "nO": None, "tok2vec": SMALL},
}


class EntityWitness:
    """A component to be trained that only notes what entities its docs have in each update."""

    seen: list = []  # noqa: RUF012  # of the last training; spaCy makes the instance

    def __init__(self):
        self.seen.clear()

    def __call__(self, doc):
        return doc

    def update(self, examples, *, sgd=None, losses=None, **options):
        self.seen.extend({(ent.text, ent.label_) for ent in eg.predicted.ents} for eg in examples)


@Language.factory("entity_witness")
def make_entity_witness(nlp, name):
    return EntityWitness()


def entities(doc):
    return [(ent.text, ent.label_) for ent in doc.ents]


def weights(nlp):
    state = nlp.get_pipe(PIPE).shim.network.state_dict()
    return {name: weight.numpy() for name, weight in state.items()}


def test_frozen_component_does_not_change_while_a_tagger_learns(pipeline, shared, train):
    model = train(
        {"tagger": TAGGER, PIPE: {"source": pipeline}},
        {"training.max_steps": 20, "training.frozen_components": [PIPE]},
    )
    after = spacy.load(model)
    assert after.meta["performance"]["tag_acc"] == 1.0
    assert entities(after(TEXT)) == FOUND
    for name, weight in weights(shared).items():
        np.testing.assert_array_equal(weights(after)[name], weight, err_msg=name)


@pytest.mark.parametrize("frozen", [True, False])
@pytest.mark.parametrize("annotates", [True, False])
def test_annotating_component_shows_its_entities_to_the_next(trained, train, frozen, annotates):
    train(
        {PIPE: {"source": str(trained)}, "witness": {"factory": "entity_witness"}},
        {
            "training.max_steps": 1,
            "training.optimizer.learn_rate": 0.0001,
            "training.frozen_components": [PIPE] if frozen else [],
            "training.annotating_components": [PIPE] if annotates else [],
        },
    )
    assert len(EntityWitness.seen) == 8  # 2 batches of 4
    assert (set(FOUND) in EntityWitness.seen) == annotates
    assert any(EntityWitness.seen) == annotates


def test_component_that_annotates_learns_as_well_as_alone(component, train):
    def train_weights(annotating):
        steps = {"training.max_steps": 3, "training.annotating_components": annotating}
        return weights(spacy.load(train({PIPE: component}, steps)))

    alone, annotating = train_weights([]), train_weights([PIPE])
    for name, weight in alone.items():
        np.testing.assert_allclose(annotating[name], weight, atol=1e-6, err_msg=name)


def test_component_is_trained_after_a_frozen_one(train, component):
    tagger = train({"tagger": TAGGER}, {"training.max_steps": 3})
    model = train(
        {"tagger": {"source": str(tagger)}, PIPE: component},
        {
            "training.max_steps": 40,
            "training.frozen_components": ["tagger"],
            "training.annotating_components": ["tagger"],
        },
    )
    after = spacy.load(model)
    assert after.meta["performance"]["ents_f"] == 1.0
    assert after.get_pipe("tagger").to_bytes(exclude=["vocab"]) == spacy.load(tagger).get_pipe(
        "tagger"
    ).to_bytes(exclude=["vocab"])


@pytest.fixture
def by_sentences(component):
    """The component, which reads each sentence alone: it needs a component that finds them."""
    getter = {"@span_getters": "spacy-transformers.sent_spans.v1"}
    return {**component, "model": {**component["model"], "get_spans": getter}}


def test_component_reads_what_an_annotating_component_set(train, by_sentences):
    model = train(
        {"sentencizer": {"factory": "sentencizer"}, PIPE: by_sentences},
        {"training.max_steps": 40, "training.annotating_components": ["sentencizer"]},
    )
    assert spacy.load(model).meta["performance"]["ents_f"] == 1.0


def test_component_misses_what_no_component_annotated(train, by_sentences):
    with pytest.raises(ValueError, match="E030"):
        train({"sentencizer": {"factory": "sentencizer"}, PIPE: by_sentences}, {"training.max_steps": 1})
