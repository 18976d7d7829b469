"""Which backbones a saved pipeline needs."""

import json

import pytest
import spacy

from spacy_llama_ner.release.backbones import Backbone, check_obtainable, read_backbones
from spacy_llama_ner.release.errors import ReleaseError

COMMIT = "a" * 40


def save(folder, *, configured="owner/llama", trained_with="owner/llama", revision=COMMIT, inside=False):
    """Write what of a pipeline's folder tells of its backbone."""
    nlp = spacy.blank("en")
    block = {"@misc": "spacy_llama_ner.HuggingFaceBackbone.v1", "name": configured}
    nlp.add_pipe("llama_crf_ner", name="tagger_1", config={"model": {"backbone": block}})
    model_dir = folder / "tagger_1" / "model"
    model_dir.mkdir(parents=True)
    nlp.config.to_disk(folder / "config.cfg")
    saved = {"name": trained_with, "revision": revision, "inside": inside}
    (model_dir / "network.json").write_text(json.dumps({"backbone": saved}), encoding="utf8")
    return folder


def test_read_backbones_by_reference(tmp_path):
    assert read_backbones(save(tmp_path)) == [Backbone("tagger_1", "owner/llama", on_hub=True, inside=False)]


def test_read_backbones_folder_that_looks_like_a_hub_name(tmp_path):
    [backbone] = read_backbones(
        save(tmp_path, configured="assets/llama", trained_with="assets/llama", revision=None)
    )
    assert not backbone.on_hub


@pytest.mark.parametrize("name", ["/models/llama", "../llama", "~/llama", "a/b/c"])
def test_read_backbones_config_points_to_a_folder(tmp_path, name):
    [backbone] = read_backbones(save(tmp_path, configured=name))
    assert (backbone.name, backbone.on_hub) == (name, False)


def test_read_backbones_folder_pointed_to_the_hub(tmp_path):
    [backbone] = read_backbones(save(tmp_path, trained_with="assets/llama", revision=None))
    assert backbone.on_hub


def test_read_backbones_inside_is_what_it_was_trained_with(tmp_path):
    [backbone] = read_backbones(save(tmp_path, configured="/tmp/else", inside=True))
    assert (backbone.name, backbone.on_hub, backbone.inside) == ("owner/llama", True, True)


def test_read_backbones_of_another_pipeline(tmp_path):
    assert read_backbones(tmp_path) == []


def test_read_backbones_damaged(tmp_path):
    folder = save(tmp_path)
    (folder / "tagger_1" / "model" / "network.json").write_text("{}", encoding="utf8")
    with pytest.raises(ValueError, match=r"network\.json or the config beside it is damaged"):
        read_backbones(folder)


def test_public_name_tells_no_path():
    assert Backbone("a", "/home/anna/llama", on_hub=False, inside=True).public_name == "llama"
    assert Backbone("a", "owner/llama", on_hub=True, inside=True).public_name == "owner/llama"


def test_check_obtainable_says_how_to_mend():
    with pytest.raises(
        ReleaseError, match=r"from '/models/llama', a folder of this machine(.|\n)*--kind full"
    ):
        check_obtainable([Backbone("tagger", "/models/llama", on_hub=False, inside=False)])


@pytest.mark.parametrize(("on_hub", "inside"), [(True, False), (False, True)])
def test_check_obtainable_lets_pass(on_hub, inside):
    check_obtainable([Backbone("tagger", "llama", on_hub=on_hub, inside=inside)])
