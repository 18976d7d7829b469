"""The component's temperature: what it changes, where it is kept, and when it is forgotten."""

import copy
import json
import logging
import pickle

import numpy as np
import pytest
import spacy
from spacy.util import load_model_from_config

PIPE = "llama_crf_ner"
TEXT = "Anna Kovac visited Berlin on Monday."


def scores(nlp):
    return [ent._.score for ent in nlp(TEXT).ents]


@pytest.fixture
def tempered(trained):
    trained.get_pipe(PIPE).temperature = 2.5
    return trained


def test_temperature_is_one_until_it_is_set(trained):
    assert trained.get_pipe(PIPE).temperature == 1.0


def test_temperature_changes_scores_and_no_entity(trained):
    before, plain = scores(trained), trained(TEXT)
    trained.get_pipe(PIPE).temperature = 2.5
    after, soft = scores(trained), trained(TEXT)
    assert [(ent.text, ent.label_) for ent in plain.ents] == [(ent.text, ent.label_) for ent in soft.ents]
    assert len(before) == 2
    assert all(new < old - 1e-4 for new, old in zip(after, before, strict=True))


@pytest.mark.parametrize("value", [0, -1.0, float("nan"), float("inf"), 1e-4, 1e4, "2", None, True])
def test_temperature_refuses_what_is_none(tempered, value):
    with pytest.raises(ValueError, match="temperature: expected a number"):
        tempered.get_pipe(PIPE).temperature = value
    assert tempered.get_pipe(PIPE).temperature == 2.5


def through_disk(nlp, tmp_path):
    nlp.to_disk(tmp_path / "nlp")
    return spacy.load(tmp_path / "nlp")


def through_bytes(nlp, tmp_path):
    return load_model_from_config(nlp.config).from_bytes(nlp.to_bytes())


def through_pickle(nlp, tmp_path):
    return pickle.loads(pickle.dumps(nlp))


def through_deepcopy(nlp, tmp_path):
    return copy.deepcopy(nlp)


def through_config_sourcing(nlp, tmp_path):
    nlp.to_disk(tmp_path / "source")
    source = {PIPE: {"source": str(tmp_path / "source")}}
    return load_model_from_config(
        {"nlp": {"lang": "en", "pipeline": [PIPE]}, "components": source}, auto_fill=True
    )


WAYS = [through_disk, through_bytes, through_pickle, through_deepcopy, through_config_sourcing]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_temperature_is_the_same_after_it_went(tempered, tmp_path, way):
    other = way(tempered, tmp_path)
    assert other.get_pipe(PIPE).temperature == 2.5
    assert scores(other) == pytest.approx(scores(tempered))


def test_temperature_holds_in_two_processes(tempered):
    docs = tempered.pipe([TEXT] * 4, n_process=2, batch_size=2)
    for doc in docs:
        np.testing.assert_allclose([ent._.score for ent in doc.ents], scores(tempered), atol=1e-6)


def write_cfg(folder, change):
    path = folder / PIPE / "cfg"
    cfg = json.loads(path.read_text(encoding="utf8"))
    change(cfg)
    path.write_text(json.dumps(cfg), encoding="utf8")


def test_temperature_of_a_pipeline_saved_without_one_is_one(tempered, tmp_path):
    tempered.to_disk(tmp_path / "nlp")
    write_cfg(tmp_path / "nlp", lambda cfg: cfg.pop("temperature"))
    assert spacy.load(tmp_path / "nlp").get_pipe(PIPE).temperature == 1.0


def test_temperature_of_before_is_gone_after_loading_one_without(tempered, tmp_path):
    pipe = tempered.get_pipe(PIPE)
    pipe.to_disk(tmp_path / PIPE)
    write_cfg(tmp_path, lambda cfg: cfg.pop("temperature"))
    assert pipe.from_disk(tmp_path / PIPE).temperature == 1.0


@pytest.mark.parametrize("value", [0, -2.0, float("nan"), float("inf"), "2.5", None, [1.0]])
def test_temperature_in_the_file_that_is_none_is_one_clear_error(tempered, tmp_path, value):
    tempered.to_disk(tmp_path / "nlp")
    write_cfg(tmp_path / "nlp", lambda cfg: cfg.update(temperature=value))
    with pytest.raises(ValueError, match="cfg is missing or damaged .*save or install the pipeline again"):
        spacy.load(tmp_path / "nlp")


def test_initialize_puts_the_temperature_back(tempered, examples):
    tempered.initialize(lambda: examples(tempered))
    assert tempered.get_pipe(PIPE).temperature == 1.0


def test_update_puts_the_temperature_back_and_says_so_once(tempered, examples, caplog):
    optimizer = tempered.resume_training()
    with caplog.at_level(logging.WARNING, logger="spacy_llama_ner"):
        tempered.update(examples(tempered), sgd=optimizer)
        tempered.update(examples(tempered), sgd=optimizer)
    assert tempered.get_pipe(PIPE).temperature == 1.0
    (record,) = caplog.records
    assert "the temperature 2.5 was fitted for; it is 1 again" in record.getMessage()


def test_update_without_examples_keeps_the_temperature(tempered):
    tempered.update([])
    tempered.get_pipe(PIPE).update([])
    assert tempered.get_pipe(PIPE).temperature == 2.5
