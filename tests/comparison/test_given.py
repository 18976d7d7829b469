"""Systems made elsewhere."""

import json

import pytest
import spacy
from ruler import make_gold, make_ruler, save_corpus, save_ruler

from spacy_llama_ner.comparison.given import (
    describe_pipeline,
    describe_predictions,
    parse_named,
    read_predictions,
)
from spacy_llama_ner.comparison.measure import count_bytes


@pytest.fixture
def gold():
    return [make_gold(make_ruler(), [("Lisbon slept .", ["B-LOC", "O", "O"])])]


def test_parse_named_parts_at_the_first_sign():
    assert parse_named(["a=x=y", "b.1=z"], "--model") == {"a": "x=y", "b.1": "z"}


@pytest.mark.parametrize("value", ["path", "=path", "name=", "a/b=path", "a b=path"])
def test_parse_named_refuses_other_forms(value):
    with pytest.raises(ValueError, match="expected NAME=PLACE"):
        parse_named([value], "--model")


def test_parse_named_refuses_a_name_twice():
    with pytest.raises(ValueError, match="the name a is there twice"):
        parse_named(["a=x", "a=y"], "--model")


def test_describe_pipeline_without_a_log_knows_no_training_time(tmp_path):
    nlp = spacy.load(save_ruler(tmp_path / "model"))
    described = describe_pipeline(nlp)
    assert described["training_seconds"] is None
    assert described["bytes"] == count_bytes(tmp_path / "model") > 0
    assert described["notes"] == ["training time not measured here"]


def test_describe_pipeline_takes_the_time_from_its_log(tmp_path):
    lines = [{"step": 0}, {"step": 0, "score": 0.1, "seconds": 3}, {"step": 9, "score": 0.2, "seconds": 70}]
    (tmp_path / "log.jsonl").write_text("\n".join(map(json.dumps, lines)))
    described = describe_pipeline(spacy.load(save_ruler(tmp_path / "model")))
    assert described["training_seconds"] == 70
    assert described["notes"] == ["training time from its training log"]


def test_describe_pipeline_with_a_foreign_log_says_so(tmp_path):
    (tmp_path / "log.jsonl").write_text("started\n")
    described = describe_pipeline(spacy.load(save_ruler(tmp_path / "model")))
    assert described["training_seconds"] is None
    assert "no log of JsonLinesLogger.v1" in described["notes"][0]


def test_describe_pipeline_names_a_backbone_outside(tmp_path, tiny_llama):
    backbone = {"@misc": "spacy_llama_ner.HuggingFaceBackbone.v1", "name": str(tiny_llama)}
    nlp = spacy.blank("en")
    nlp.add_pipe("llama_crf_ner", config={"model": {"backbone": backbone, "lora_rank": 4}}).add_label("PER")
    nlp.initialize()
    nlp.to_disk(tmp_path / "model")
    described = describe_pipeline(spacy.load(tmp_path / "model"))
    assert described["backbone"] == {"name": str(tiny_llama), "bytes": count_bytes(tiny_llama)}
    assert "plus its backbone" in described["notes"][0]


def test_read_predictions_pairs_them_and_reads_the_json_beside(tmp_path, gold):
    file = save_corpus(tmp_path / "p.spacy", gold)
    (tmp_path / "p.json").write_text('{"words_per_second": 12.5, "cost": null, "model": "m"}')
    examples, report = read_predictions(file, gold)
    assert [ent.text for ent in examples[0].predicted.ents] == ["Lisbon"]
    described = describe_predictions(report, file)
    assert (described["words_per_second"], described["cost"]) == (12.5, None)
    assert described["notes"][-1] == "words/s as p.json says"


def test_read_predictions_alone_knows_no_speed(tmp_path, gold):
    file = save_corpus(tmp_path / "p.spacy", gold)
    _, report = read_predictions(file, gold)
    assert describe_predictions(report, file)["words_per_second"] is None


def test_read_predictions_takes_unset_tokens_as_not_predicted(tmp_path, gold):
    nlp = spacy.blank("en")
    file = save_corpus(tmp_path / "p.spacy", [nlp.make_doc("Lisbon slept .")])
    examples, _ = read_predictions(file, gold)
    assert not examples[0].predicted.ents


def test_read_predictions_on_other_tokens_fails(tmp_path, gold):
    other = make_gold(make_ruler(), [("Lisbon slept", ["O", "O"])])
    with pytest.raises(ValueError, match=r"tokens of doc 1 are not the corpus's \(2 tokens, 3 there\)"):
        read_predictions(save_corpus(tmp_path / "p.spacy", [other]), gold)


def test_read_predictions_of_another_number_of_docs_fails(tmp_path, gold):
    with pytest.raises(ValueError, match="has 2 docs, the corpus 1"):
        read_predictions(save_corpus(tmp_path / "p.spacy", gold * 2), gold)


def test_read_predictions_that_are_none_fails(tmp_path, gold):
    with pytest.raises(FileNotFoundError, match="No predictions at"):
        read_predictions(tmp_path / "p.spacy", gold)
    (tmp_path / "p.spacy").write_text("text")
    with pytest.raises(ValueError, match="not a readable DocBin"):
        read_predictions(tmp_path / "p.spacy", gold)


def test_read_predictions_with_broken_json_fails(tmp_path, gold):
    file = save_corpus(tmp_path / "p.spacy", gold)
    (tmp_path / "p.json").write_text("{")
    with pytest.raises(ValueError, match="not readable JSON"):
        read_predictions(file, gold)
