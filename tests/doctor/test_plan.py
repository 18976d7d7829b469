"""Configs as `doctor` reads them."""

import pytest
from doctor_config import write_config
from spacy import util

from spacy_llama_ner.doctor.plan import read_plan
from spacy_llama_ner.doctor.sample import save_sample


def test_read_plan_takes_invented_sentences_where_there_is_no_corpus(tmp_path, tiny_llama):
    plan = read_plan(write_config(tmp_path / "a.cfg", tiny_llama), corpus=None, work=tmp_path / "work")
    assert plan.sampled
    examples = list(plan.reader("train_corpus")(plan.nlp))
    assert {ent.label_ for eg in examples for ent in eg.reference.ents} == {"PER", "ORG", "LOC", "MISC"}
    assert not plan.has_corpus("dev_corpus")


def test_read_plan_takes_the_given_corpus(tmp_path, tiny_llama):
    corpus = save_sample(tmp_path / "mine.spacy", ["LOC"])
    plan = read_plan(write_config(tmp_path / "a.cfg", tiny_llama), corpus=corpus, work=tmp_path / "work")
    assert not plan.sampled
    assert plan.has_corpus("train_corpus")
    labels = {ent.label_ for eg in plan.reader("train_corpus")(plan.nlp) for ent in eg.reference.ents}
    assert labels == {"LOC"}


def test_read_plan_takes_the_configs_corpus(tmp_path, tiny_llama):
    corpus = save_sample(tmp_path / "train.spacy", ["LOC"])
    config = write_config(tmp_path / "a.cfg", tiny_llama, paths__train=str(corpus))
    assert not read_plan(config, corpus=None, work=tmp_path / "work").sampled
    assert not (tmp_path / "work").exists()


def test_read_plan_without_a_config_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match="no config .*none.cfg"):
        read_plan(tmp_path / "none.cfg", corpus=None, work=tmp_path)


def test_read_plan_without_the_given_corpus_is_an_error(tmp_path, tiny_llama):
    config = write_config(tmp_path / "a.cfg", tiny_llama)
    with pytest.raises(FileNotFoundError, match="no corpus .*none.spacy"):
        read_plan(config, corpus=tmp_path / "none.spacy", work=tmp_path)


def test_read_plan_without_our_component_is_an_error(tmp_path, tiny_llama):
    config = util.load_config(write_config(tmp_path / "a.cfg", tiny_llama))
    config["nlp"]["pipeline"] = ["ner"]
    config["components"] = {"ner": {"factory": "ner"}}
    config.to_disk(tmp_path / "b.cfg")
    with pytest.raises(ValueError, match="has 0 components llama_crf_ner"):
        read_plan(tmp_path / "b.cfg", corpus=None, work=tmp_path)
