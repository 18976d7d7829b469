"""Pipelines that meet another backbone than the one they were trained with."""

import json
import logging
import shutil
import subprocess
import sys

import numpy as np
import pytest
import spacy
from hostile_support import PIPE, emissions, make_pipeline
from safetensors.torch import load_file, save_file
from tiny_models import make_tiny_llama
from transformers import LlamaConfig, LlamaForCausalLM

NAME = f"components.{PIPE}.model.backbone.name"


def load(saved, backbone):
    return spacy.load(saved, config={NAME: str(backbone)})


@pytest.fixture
def backbone(tiny_llama, tmp_path):
    """A copy of the backbone that the saved pipelines were trained with, to be changed."""
    return shutil.copytree(tiny_llama, tmp_path / "backbone")


def other_size(folder):
    config = LlamaConfig.from_pretrained(str(folder))
    config.hidden_size, config.intermediate_size = 16, 24
    LlamaForCausalLM(config).save_pretrained(str(folder))


def other_depth(folder):
    config = LlamaConfig.from_pretrained(str(folder))
    config.num_hidden_layers = 3
    LlamaForCausalLM(config).save_pretrained(str(folder))


def other_weights(folder):
    make_tiny_llama(folder, seed=1)


def one_layer_trained(folder):
    state = load_file(folder / "model.safetensors")
    state["model.layers.1.self_attn.q_proj.weight"] *= 1.02
    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})


FINGERPRINT = (
    "the backbone '.*backbone' is not the one these weights were trained with .*its fingerprint differs. Point "
    "model.backbone.name and .revision in the component's config at that one"
)


@pytest.mark.parametrize(
    "change", [other_size, other_depth, other_weights, one_layer_trained], ids=lambda f: f.__name__
)
def test_changed_backbone_is_refused(saved_reference, backbone, change):
    change(backbone)
    with pytest.raises(ValueError, match=FINGERPRINT):
        load(saved_reference, backbone)


def test_backbone_that_was_changed_in_its_place_is_refused(backbone, tmp_path):
    make_pipeline(backbone).to_disk(tmp_path / "nlp")
    spacy.load(tmp_path / "nlp")
    one_layer_trained(backbone)
    with pytest.raises(ValueError, match=FINGERPRINT):
        spacy.load(tmp_path / "nlp")


def test_backbone_of_another_architecture_is_refused(saved_reference, tiny_bert):
    with pytest.raises(
        ValueError, match="is not the one these weights were trained with .*its fingerprint differs"
    ):
        load(saved_reference, tiny_bert)


def no_config(folder):
    (folder / "config.json").unlink()


def no_weights(folder):
    (folder / "model.safetensors").unlink()


def cut_config(folder):
    path = folder / "config.json"
    path.write_bytes(path.read_bytes()[:100])


def unknown_type(folder):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "model_type": "lama"}))


def cut_weights(folder):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1])


def weights_lack_a_layer(folder):
    state = load_file(folder / "model.safetensors")
    del state["model.layers.1.mlp.up_proj.weight"]
    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})


def weights_are_git_lfs_pointer(folder):
    (folder / "model.safetensors").write_text(
        "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"
    )


BROKEN = [no_config, no_weights, cut_config, unknown_type, cut_weights, weights_are_git_lfs_pointer]


@pytest.mark.parametrize("change", BROKEN, ids=lambda f: f.__name__)
def test_broken_backbone_is_one_clear_error_when_loading(saved_reference, backbone, change):
    change(backbone)
    with pytest.raises(ValueError, match="^cannot load the backbone '.*backbone': .*it needs config.json"):
        load(saved_reference, backbone)


@pytest.mark.parametrize("change", BROKEN, ids=lambda f: f.__name__)
def test_broken_backbone_is_one_clear_error_when_training_begins(backbone, change):
    change(backbone)
    with pytest.raises(ValueError, match="^cannot load the backbone '.*backbone': .*it needs config.json"):
        make_pipeline(backbone)


@pytest.mark.parametrize("begin", ["load", "train"])
def test_backbone_that_lacks_a_weight_is_not_completed_at_random(saved_reference, backbone, begin):
    weights_lack_a_layer(backbone)
    with pytest.raises(
        ValueError, match="its files lack 1 of the model's weights, such as layers.1.mlp.up_proj.weight"
    ):
        load(saved_reference, backbone) if begin == "load" else make_pipeline(backbone)


@pytest.mark.parametrize("place", [0, 8, 0.1, 0.5, 0.9])
def test_backbone_cut_anywhere_is_one_clear_error(saved_reference, backbone, place):
    path = backbone / "model.safetensors"
    data = path.read_bytes()
    path.write_bytes(data[: int(place if place >= 1 else place * len(data))])
    with pytest.raises(ValueError, match="^cannot load the backbone '.*backbone': "):
        load(saved_reference, backbone)


def test_tokenizer_of_the_backbone_is_not_needed_by_a_saved_pipeline(saved_reference, backbone, tiny_bert):
    """It has its own inside, so another one beside the backbone changes nothing."""
    for path in backbone.glob("*token*"):
        path.unlink()
    shutil.copy(tiny_bert / "tokenizer.json", backbone)
    np.testing.assert_allclose(
        emissions(load(saved_reference, backbone)), emissions(spacy.load(saved_reference)), atol=1e-6
    )


def test_tokenizer_with_more_pieces_than_the_backbone_has_embeddings_is_refused(backbone):
    config = LlamaConfig.from_pretrained(str(backbone))
    config.vocab_size = 200
    LlamaForCausalLM(config).save_pretrained(str(backbone))
    with pytest.raises(
        ValueError,
        match=r"^the tokenizer gives pieces up to number 3\d\d and the backbone '.*' has 200 embeddings",
    ):
        make_pipeline(backbone)


@pytest.mark.parametrize("damage", ["cut", "empty", "missing", "json"])
def test_broken_tokenizer_of_a_backbone_is_one_clear_error(backbone, damage):
    path = backbone / "tokenizer.json"
    data = path.read_bytes()
    path.unlink()
    if damage != "missing":
        path.write_bytes({"cut": data[:-50], "empty": b"", "json": b"{}"}[damage])
    with pytest.raises(
        ValueError, match="^cannot load the tokenizer '.*backbone': .*it needs config.json, tokenizer"
    ):
        make_pipeline(backbone)


# a name that is not used


def messages(caplog):
    return [
        record.getMessage()
        for record in caplog.records
        if "has its own backbone inside" in record.getMessage()
    ]


@pytest.mark.parametrize(
    "override",
    [{NAME: "/no/such/folder"}, {f"components.{PIPE}.model.backbone.revision": "v2"}],
    ids=["name", "revision"],
)
def test_ignored_override_of_a_backbone_inside_is_warned_of_once(saved_inside, caplog, override):
    with caplog.at_level(logging.WARNING, "spacy_llama_ner"):
        nlp = spacy.load(saved_inside, config=override)
    [message] = messages(caplog)
    assert "of the config are ignored" in message
    assert next(iter(override.values())) in message
    np.testing.assert_array_equal(emissions(nlp), emissions(spacy.load(saved_inside)))


def test_backbone_inside_without_an_override_is_not_warned_of(saved_inside, caplog):
    with caplog.at_level(logging.WARNING, "spacy_llama_ner"):
        spacy.load(saved_inside)
    assert not messages(caplog)


@pytest.mark.parametrize("pipe", [PIPE, "people"])
def test_message_names_no_component_that_is_not_there(tmp_path, tiny_llama, pipe):
    gone = shutil.copytree(tiny_llama, tmp_path / "gone")
    nlp = spacy.blank("xx")
    block = {"@misc": "spacy_llama_ner.HuggingFaceBackbone.v1", "name": str(gone)}
    nlp.add_pipe(PIPE, name=pipe, config={"model": {"lora_rank": 4, "backbone": block}}).add_label("PER")
    nlp.initialize()
    nlp.to_disk(tmp_path / "nlp")
    shutil.rmtree(gone)
    with pytest.raises(
        ValueError, match="model.backbone.name in the component's config at a local copy"
    ) as caught:
        spacy.load(tmp_path / "nlp")
    assert "components.llama_crf_ner" not in str(caught.value)


# the hub

SCRIPT = """
import sys
import spacy

nlp = spacy.blank("xx")
backbone = {"@misc": "spacy_llama_ner.HuggingFaceBackbone.v1", "name": "owner/tiny"}
nlp.add_pipe("llama_crf_ner", config={"model": {"backbone": backbone, "lora_rank": 4}}).add_label("PER")
nlp.initialize()
nlp.to_disk("nlp")
for revision in ("main", None):
    print("ready", flush=True)
    sys.stdin.readline()
    try:
        spacy.load("nlp", config={"components.llama_crf_ner.model.backbone.revision": revision})
        print("loaded", flush=True)
    except ValueError as error:
        print(error, flush=True)
"""


@pytest.mark.slow  # with its process of its own, the longest of these by far
def test_other_revision_of_a_backbone_on_the_hub_is_refused(hub_server, tiny_llama, backbone, tmp_path):
    """The hub's repository moved on: the commit that was trained on is gone, and another has other weights."""
    other_weights(backbone)
    with (
        hub_server(models={"owner/tiny": tiny_llama}) as hub,
        hub_server(models={"owner/tiny": backbone}) as moved,
    ):
        client = subprocess.Popen(
            [sys.executable, "-c", SCRIPT],
            cwd=tmp_path,
            env={**hub.environment(tmp_path / "cache"), "OMP_NUM_THREADS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        with client:
            assert client.stdout.readline() == "ready\n"
            hub.repositories.update(moved.repositories)
            shutil.rmtree(tmp_path / "cache")
            client.stdin.write("\n")
            client.stdin.flush()
            asked = client.stdout.readline()
            assert client.stdout.readline() == "ready\n"
            lost = client.communicate("\n")[0]
    assert "the backbone 'owner/tiny' is not the one these weights were trained with" in asked
    assert lost.startswith("cannot load the backbone 'owner/tiny' at revision ")
