import json
import shutil

import pytest
from transformers import AutoConfig, BertConfig, Gemma3TextConfig, LlamaConfig, MistralConfig

from spacy_llama_ner.network.identity import config_differences, shaping_config
from spacy_llama_ner.network.network import TaggingNetwork
from spacy_llama_ner.network.storage import load_network, save_network
from spacy_llama_ner.network.types import BackboneSource, NetworkSettings

LABELS = ["PER", "LOC"]
SETTINGS = NetworkSettings(lora_rank=4)
ROPE = {
    "rope_type": "llama3",
    "factor": 32.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}


def differences(before, after):
    return config_differences(shaping_config(before), shaping_config(after))


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        ({"rope_theta": 5e5}, "rope_theta: was 10000.0, is 500000.0"),
        ({"rms_norm_eps": 1e-3}, "rms_norm_eps: was 1e-06, is 0.001"),
        ({"hidden_act": "gelu"}, 'hidden_act: was "silu", is "gelu"'),
        ({"num_key_value_heads": 8}, "num_key_value_heads: was 32, is 8"),
        ({"rope_scaling": {**ROPE, "factor": 8.0}}, "rope_scaling.factor: was 32.0, is 8.0"),
        ({"rope_scaling": None}, f"rope_scaling: was {json.dumps(ROPE)}, is null"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_config_differences_names_what_shapes_states(changed, line):
    assert differences(LlamaConfig(rope_scaling=ROPE), LlamaConfig(**{"rope_scaling": ROPE, **changed})) == [
        line
    ]


def test_config_differences_sees_another_kind_of_model():
    assert 'model_type: was "llama", is "mistral"' in differences(LlamaConfig(), MistralConfig())


def test_config_differences_sees_the_sliding_window():
    assert differences(MistralConfig(), MistralConfig(sliding_window=64)) == [
        "sliding_window: was 4096, is 64"
    ]


@pytest.mark.parametrize(
    "changed",
    [
        {"torch_dtype": "bfloat16"},
        {"attn_implementation": "eager"},
        {"use_cache": False},
        {"attention_dropout": 0.1},
        {"quantization_config": {"load_in_8bit": True, "quant_method": "bitsandbytes"}},
        {"initializer_range": 0.1},
        {"num_labels": 9, "architectures": ["LlamaForCausalLM"], "_name_or_path": "elsewhere"},
        {"pad_token_id": 3, "eos_token_id": [1, 2]},
    ],
    ids="-".join,
)
def test_config_differences_leaves_out_what_does_not_shape_states(changed):
    assert differences(LlamaConfig(), LlamaConfig(**changed)) == []


@pytest.mark.parametrize("kind", [LlamaConfig, BertConfig, MistralConfig, Gemma3TextConfig])
def test_shaping_config_goes_through_json(kind):
    shape = shaping_config(kind())
    assert shape["num_hidden_layers"] == kind().num_hidden_layers
    assert json.loads(json.dumps(shape)) == shape


def test_config_differences_compares_what_both_know():
    assert config_differences({"old": 1, "both": 2}, {"new": 1, "both": 2}) == []


def test_config_differences_of_an_older_pipeline_are_none():
    assert config_differences(None, {"rope_theta": 1.0}) == []


def load(folder, backbone):
    return load_network(folder, source=BackboneSource(str(backbone)), labels=LABELS, settings=SETTINGS)


@pytest.fixture
def saved(tiny_llama, tmp_path):
    """A network saved by reference, and a copy of its backbone to be changed."""
    backbone = shutil.copytree(tiny_llama, tmp_path / "backbone")
    save_network(
        TaggingNetwork.build(BackboneSource(str(backbone)), LABELS, SETTINGS),
        tmp_path / "net",
        save_inside=False,
    )
    return tmp_path / "net", backbone


def edit(path, *keys, value):
    content = json.loads(path.read_text())
    part = content
    for key in keys[:-1]:
        part = part[key]
    part[keys[-1]] = value
    path.write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("keys", "value"),
    [(("rope_theta",), 123.0), (("rope_scaling", "factor"), 2.0), (("hidden_act",), "relu")],
    ids=lambda value: ".".join(value) if isinstance(value, tuple) else "",
)
def test_backbone_with_an_edited_config_is_refused(saved, keys, value):
    folder, backbone = saved
    edit(backbone / "config.json", *keys, value=value)
    with pytest.raises(
        ValueError,
        match=rf"not compute what it did: .*{'.'.join(keys)}: was .*, is {json.dumps(value)}\. Get",
    ):
        load(folder, backbone)


def test_backbone_with_another_dtype_in_its_config_is_the_same(saved):
    folder, backbone = saved
    edit(backbone / "config.json", "torch_dtype", value="float16")
    load(folder, backbone)


def test_backbone_cut_to_its_first_layers_is_the_same(tiny_llama, tmp_path):
    settings = NetworkSettings(lora_rank=4, layers=1)
    source = BackboneSource(str(tiny_llama))
    save_network(TaggingNetwork.build(source, LABELS, settings), tmp_path / "net", save_inside=False)
    loaded = load_network(tmp_path / "net", source=source, labels=LABELS, settings=settings)
    assert loaded.reference.config["num_hidden_layers"] == 1
    assert AutoConfig.from_pretrained(str(tiny_llama)).num_hidden_layers == 2


def test_pipeline_saved_before_configs_were_compared_loads(saved):
    folder, backbone = saved
    manifest = json.loads((folder / "network.json").read_text())
    del manifest["backbone"]["config"]
    (folder / "network.json").write_text(json.dumps(manifest))
    edit(backbone / "config.json", "rope_theta", value=123.0)
    assert load(folder, backbone).reference.config is None


def test_damaged_config_in_the_manifest_is_named(saved):
    folder, backbone = saved
    edit(folder / "network.json", "backbone", "config", value=["llama"])
    with pytest.raises(ValueError, match=r"network.json is damaged .*backbone.config is \['llama'\]"):
        load(folder, backbone)
