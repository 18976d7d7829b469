import numpy as np
import pytest
import spacy
from half_learned import PIPE, make_docs
from spacy.tokens import Doc
from spacy.util import registry

from spacy_llama_ner.calibration.pipeline import calibrate, find_component, keep_emissions
from spacy_llama_ner.calibration.reliability import log_loss, measure_calibration
from spacy_llama_ner.evaluation.examples import predict
from spacy_llama_ner.evaluation.metrics import spacy_scores


def entities(nlp, docs):
    return [
        [(ent.start, ent.end, ent.label_) for ent in eg.predicted.ents]
        for eg in predict(nlp, docs, batch_size=16)[0]
    ]


def test_calibrate_lowers_the_error_on_other_docs(nlp):
    result = calibrate(nlp, make_docs(nlp, 80, seed=1), test=make_docs(nlp, 80, seed=2), batch_size=16)
    assert result["temperature"] > 1.5
    for name in ("dev", "test"):
        before, after = result[name]["before"], result[name]["after"]
        assert after["ece"] < before["ece"] - 0.1
        assert after["nll"] < before["nll"]


def test_calibrate_sets_the_temperature_and_leaves_the_entities(nlp):
    docs = make_docs(nlp, 80, seed=1)
    before = entities(nlp, docs)
    result = calibrate(nlp, docs, batch_size=16)
    assert nlp.get_pipe(PIPE).temperature == result["temperature"]
    assert entities(nlp, docs) == before
    assert result["dev"]["before"]["f1"] == result["dev"]["after"]["f1"]
    assert "test" not in result


def test_calibrate_measures_what_the_pipeline_predicts(nlp):
    docs = make_docs(nlp, 80, seed=1)
    before, _ = predict(nlp, docs)
    result = calibrate(nlp, docs, batch_size=16)
    after, _ = predict(nlp, docs)
    for examples, measured in ((before, result["dev"]["before"]), (after, result["dev"]["after"])):
        expected = {**measure_calibration(examples), "f1": spacy_scores(examples)["ents_f"]}
        assert measured.keys() == expected.keys()
        for key in ("entities", "right", "ece", "nll", "f1", "auroc"):
            assert measured[key] == pytest.approx(expected[key], abs=1e-4)


def test_calibrate_again_finds_the_same_temperature(nlp):
    docs = make_docs(nlp, 80, seed=1)
    first = calibrate(nlp, docs, batch_size=16)
    assert calibrate(nlp, docs, batch_size=16) == first


def test_calibrate_finds_the_best_temperature_of_a_grid(nlp):
    docs = make_docs(nlp, 80, seed=1)
    kept = keep_emissions(nlp, nlp.get_pipe(PIPE), docs, batch_size=16)
    right = kept.right()
    best = min(np.geomspace(1, 10, 60), key=lambda t: log_loss(kept.scores(t), right))
    assert calibrate(nlp, docs, batch_size=16)["temperature"] == pytest.approx(best, rel=0.04)


def test_calibrate_runs_the_components_before_ours(nlp, monkeypatch):
    sentences = registry.get("span_getters", "spacy-transformers.sent_spans.v1")()
    monkeypatch.setattr(nlp.get_pipe(PIPE).shim, "get_spans", sentences)
    nlp.add_pipe("sentencizer", first=True)
    assert calibrate(nlp, make_docs(nlp, 80, seed=1), batch_size=16)["dev"]["after"]["entities"] > 50


def test_calibrate_refuses_a_component_before_ours_that_changes_tokens(nlp):
    nlp.add_pipe("entity_ruler", first=True).add_patterns([{"label": "X", "pattern": "on Monday"}])
    nlp.add_pipe("merge_entities", after="entity_ruler")
    with pytest.raises(ValueError, match=r"changed the tokens of doc 1 \(6 before, 5 after\)"):
        calibrate(nlp, make_docs(nlp, 80, seed=1), batch_size=16)


def test_kept_entities_are_right_in_tokens_of_the_doc(nlp):
    """Not in words, which leave whitespace out."""
    doc = Doc(nlp.vocab, ["\n", "Anna", "left", "Oslo"], ents=["O", "B-PER", "O", "B-LOC"])
    kept = keep_emissions(nlp, nlp.get_pipe(PIPE), [doc], batch_size=1)
    (example,) = kept.examples(1.0)
    right = [ent in [(e.start, e.end, e.label_) for e in doc.ents] for ent in places(example.predicted)]
    assert kept.right().tolist() == right
    assert any(right)


def places(doc):
    return [(ent.start, ent.end, ent.label_) for ent in doc.ents]


def test_find_component_without_one_says_what_there_is():
    nlp = spacy.blank("en")
    nlp.add_pipe("entity_ruler")
    with pytest.raises(ValueError, match="has 0 components llama_crf_ner among entity_ruler; expected one"):
        find_component(nlp)


def test_find_component_of_several_is_refused(nlp):
    nlp.add_pipe("llama_crf_ner")
    with pytest.raises(ValueError, match=f"has 2 components llama_crf_ner among {PIPE}, llama_crf_ner"):
        find_component(nlp)


def test_find_component_without_weights_is_refused():
    nlp = spacy.blank("en")
    nlp.add_pipe("llama_crf_ner", name="mine")
    with pytest.raises(ValueError, match="component mine has no weights: train the pipeline first"):
        find_component(nlp)
