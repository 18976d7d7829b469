import json
import weakref

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModel

from spacy_llama_ner.network import backbone_files
from spacy_llama_ner.network.adapters import add_lora
from spacy_llama_ner.network.backbone import base_weights, load_trunk
from spacy_llama_ner.network.backbone_files import save_backbone
from spacy_llama_ner.network.types import NetworkSettings


@pytest.fixture
def trunk(tiny_llama):
    """As if published in bfloat16 and held in float32, but for one weight that was trained."""
    trunk = load_trunk(str(tiny_llama), dtype="bfloat16").float()
    with torch.no_grad():
        trunk.layers[1].mlp.up_proj.weight[3, 4] += 1e-6
    return trunk


def files(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("size", ["1GB", "20KB"], ids=["one file", "shards"])
def test_saved_backbone_is_what_transformers_would_write(trunk, tmp_path, size):
    save_backbone(trunk, tmp_path / "ours", max_shard_size=size)
    weights = {
        name: weight if name == "layers.1.mlp.up_proj.weight" else weight.bfloat16()
        for name, weight in trunk.state_dict().items()
    }
    trunk.save_pretrained(str(tmp_path / "theirs"), state_dict=weights, max_shard_size=size)
    ours, theirs = files(tmp_path / "ours"), files(tmp_path / "theirs")
    assert (len(ours) > 4) == (size == "20KB")
    assert ours == theirs


def test_saved_backbone_in_shards_loads_back_equal(trunk, tmp_path):
    save_backbone(trunk, tmp_path, max_shard_size="20KB")
    index = json.loads((tmp_path / "model.safetensors.index.json").read_text())
    assert set(index["weight_map"]) == set(trunk.state_dict())
    loaded = AutoModel.from_pretrained(str(tmp_path), torch_dtype=torch.float32).state_dict()
    for name, weight in trunk.state_dict().items():
        assert torch.equal(loaded[name], weight)


def test_saved_backbone_leaves_adapters_out(trunk, tmp_path):
    before = base_weights(trunk)
    save_backbone(add_lora(trunk, NetworkSettings(lora_rank=4)).get_base_model(), tmp_path)
    saved = load_file(tmp_path / "model.safetensors")
    assert saved.keys() == before.keys()
    assert all(torch.equal(saved[name].float(), weight) for name, weight in before.items())


def test_saved_backbone_is_narrowed_one_shard_at_a_time(trunk, tmp_path, monkeypatch):
    narrowed, alive, save = [], [], backbone_files.save_file

    def watch(shard, *args, **kwargs):
        alive.append(sum(weight() is not None for weight in narrowed))
        narrowed.extend(weakref.ref(weight) for weight in shard.values() if weight.dtype == torch.bfloat16)
        save(shard, *args, **kwargs)

    monkeypatch.setattr(backbone_files, "save_file", watch)
    save_backbone(trunk, tmp_path, max_shard_size="20KB")
    assert len(alive) > 2
    assert not any(alive)


@pytest.mark.parametrize("place", [0, -1])
def test_saved_weight_stays_float32_if_any_value_needs_it(trunk, tmp_path, monkeypatch, place):
    monkeypatch.setattr(backbone_files, "COMPARED", 100)
    weight = trunk.embed_tokens.weight
    with torch.no_grad():
        weight.view(-1)[place] = 1 + 2**-20
    save_backbone(trunk, tmp_path)
    saved = load_file(tmp_path / "model.safetensors")
    assert saved["embed_tokens.weight"].dtype == torch.float32
    assert torch.equal(saved["embed_tokens.weight"], weight)
    assert saved["norm.weight"].dtype == torch.bfloat16


def test_saved_backbone_with_tied_weights_has_them_once(trunk, tmp_path):
    trunk.layers[1].mlp.gate_proj.weight = trunk.layers[0].mlp.gate_proj.weight
    trunk._tied_weights_keys = ["layers.1.mlp.gate_proj.weight"]
    save_backbone(trunk, tmp_path)
    missing = trunk.state_dict().keys() - load_file(tmp_path / "model.safetensors").keys()
    assert missing == {"layers.1.mlp.gate_proj.weight"}
