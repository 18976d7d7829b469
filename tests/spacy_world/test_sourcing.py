"""The trained component in another pipeline: as it was, and trained on from there."""

import numpy as np
import pytest
import spacy
from spacy.cli._util import app
from spacy.tokens import Doc, DocBin
from thinc.api import Config
from typer.testing import CliRunner

PIPE = "llama_crf_ner"
TEXTS = ["Anna Kovac visited Berlin on Monday.", "Shares of Northgate Steel fell in London.", "It rained."]


def predictions(nlp, name=PIPE):
    return [
        [
            (span.text, span.label_, round(score, 5))
            for span, score in zip(group, group.attrs["scores"], strict=True)
        ]
        for group in (doc.spans[name] for doc in nlp.pipe(TEXTS))
    ]


def weights(nlp):
    state = nlp.get_pipe(PIPE).shim.network.state_dict()
    return {name: weight.numpy().copy() for name, weight in state.items()}


def changed(before, after):
    """RETURNS (Set[str]): Names of weights that differ."""
    assert before.keys() == after.keys()
    return {name for name in before if not np.array_equal(before[name], after[name])}


def test_sourced_component_predicts_as_before(nlp):
    other = spacy.blank("en")
    other.add_pipe("sentencizer")
    before = predictions(nlp)
    other.add_pipe(PIPE, source=nlp)
    assert predictions(other) == before


def test_sourced_component_trains_its_adapters(nlp, gold):
    other = spacy.blank("en")
    other.add_pipe(PIPE, source=nlp)
    before = weights(other)
    optimizer = other.resume_training()
    optimizer.learn_rate = 0.01
    other.update(gold(other), sgd=optimizer)
    network = other.get_pipe(PIPE).shim.network
    trainable = {name for name, weight in network.named_parameters() if weight.requires_grad}
    assert any("lora" in name for name in trainable)
    assert changed(before, weights(other)) == trainable


def test_assemble_takes_the_component_under_another_name(pipeline, shared, tmp_path):
    blocks = {"people": {"source": pipeline, "component": PIPE}, "sentencizer": {"factory": "sentencizer"}}
    Config({"nlp": {"lang": "en", "pipeline": list(blocks)}, "components": blocks}).to_disk(
        tmp_path / "a.cfg"
    )
    done = CliRunner().invoke(app, ["assemble", str(tmp_path / "a.cfg"), str(tmp_path / "assembled")])
    assert done.exit_code == 0, done.output
    assembled = spacy.load(tmp_path / "assembled")
    assert assembled.pipe_names == ["people", "sentencizer"]
    assert predictions(assembled, "people") == predictions(shared)
    assert all(0 < ent._.score <= 1 for ent in assembled(TEXTS[0]).ents)


def test_train_begins_where_the_source_ended(pipeline, shared, train):
    """At learning rate 0 nothing but the source's weights can come out."""
    still = {"training.max_steps": 1, "training.optimizer.learn_rate": 0.0}
    resumed = spacy.load(train({PIPE: {"source": pipeline}}, still))
    assert changed(weights(shared), weights(resumed)) == set()
    assert predictions(resumed) == predictions(shared)


def test_train_goes_on_from_the_source(pipeline, shared, train):
    slow = {"training.max_steps": 2, "training.optimizer.learn_rate": 0.0001}
    resumed = spacy.load(train({PIPE: {"source": pipeline}}, slow))
    moved = changed(weights(shared), weights(resumed))
    network = resumed.get_pipe(PIPE).shim.network
    assert moved == {name for name, weight in network.named_parameters() if weight.requires_grad}
    assert resumed.meta["performance"]["ents_f"] == 1.0  # new weights would find next to nothing


def test_train_on_from_a_source_names_a_label_that_it_cannot_learn(trained, train, tmp_path):
    doc = Doc(spacy.blank("en").vocab, words=["It", "rained", "."], ents=["O", "B-WEATHER", "O"])
    DocBin(docs=[doc]).to_disk(tmp_path / "new.spacy")
    with pytest.raises(
        ValueError, match=r"entity 'WEATHER' at 'rained'.*train anew \(a trained component's labels are fixed"
    ):
        train({PIPE: {"source": str(trained)}}, {"paths.train": str(tmp_path / "new.spacy")})
