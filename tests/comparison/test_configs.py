"""The alternatives' configs."""

import pytest
import spacy
from thinc.api import Config

from spacy_llama_ner.comparison import configs
from spacy_llama_ner.evaluation.examples import read_gold


@pytest.fixture
def docs(split):
    return read_gold(split.train, spacy.blank("en").vocab)


@pytest.fixture
def settings(split, docs):
    paths = {"train": split.train, "dev": split.dev, "seed": 3}
    return {"docs": docs, "backbone": "some/bert", "learning_rate": 1e-4, **paths}


def test_bert_configs_differ_in_components_and_clipping_alone(settings):
    theirs, ours = configs.bert_ner(**settings), configs.bert_crf(**settings)
    assert theirs["training"].pop("optimizer").pop("grad_clip") == 1.0
    assert ours["training"].pop("optimizer").pop("grad_clip") == 0.0
    for config in (theirs, ours):
        config.pop("components")
        config["nlp"].pop("pipeline")
    assert theirs == ours


def test_bert_configs_share_the_optimizer_and_its_schedule(settings):
    theirs, ours = configs.bert_ner(**settings), configs.bert_crf(**settings)
    for config in (theirs, ours):
        config["training"]["optimizer"].pop("grad_clip")
    assert theirs["training"]["optimizer"] == ours["training"]["optimizer"]
    assert ours["training"]["optimizer"]["learn_rate"]["initial_rate"] == 1e-4


def test_bert_configs_have_backbone_paths_and_seed(settings, split):
    theirs, ours = configs.bert_ner(**settings), configs.bert_crf(**settings)
    assert theirs["components"]["transformer"]["model"]["name"] == "some/bert"
    assert configs.backbone_name(ours, "llama_crf_ner") == "some/bert"
    for config in (theirs, ours):
        assert (config["paths"]["train"], config["system"]["seed"]) == (str(split.train), 3)


def test_spacy_cnn_is_what_init_config_gives_but_for_its_length(split, docs):
    from spacy.cli.init_config import init_config

    given = init_config(lang="en", pipeline=["ner"], optimize="efficiency", gpu=False)
    ours = configs.spacy_cnn(docs, train=split.train, dev=split.dev, seed=0)
    assert ours["components"] == given["components"]
    differences = {key for key in given["training"] if given["training"][key] != ours["training"][key]}
    assert differences == {"max_steps", "eval_frequency"}


@pytest.mark.parametrize("factories", [[], ["llama_crf_ner", "llama_crf_ner"]])
def test_find_component_without_exactly_one_fails(tmp_path, factories):
    components = {f"pipe{number}": {"factory": factory} for number, factory in enumerate(factories)}
    with pytest.raises(ValueError, match=f"has {len(factories)} components"):
        configs.find_component(Config({"components": components}), tmp_path)


def test_backbone_files_of_a_folder_are_weights_and_settings(tmp_path):
    for name in ("model.safetensors", "config.json", "vocab.txt", "README.md"):
        (tmp_path / name).write_text("x")
    found = configs.backbone_files(str(tmp_path))
    assert [file.name for file in found] == ["config.json", "model.safetensors", "vocab.txt"]


def test_backbone_files_of_a_hub_name_are_none():
    assert configs.backbone_files("no-such-folder/bert") == []
