import pytest
import torch
from transformers import AutoModel, OPTConfig, OPTModel

from spacy_llama_ner.network.backbone import load_trunk
from spacy_llama_ner.network.network import TaggingNetwork
from spacy_llama_ner.network.types import BackboneSource, NetworkSettings
from spacy_llama_ner.network.unfreezing import train_groups, unfreeze


def frozen(folder, **options):
    return load_trunk(str(folder), **options).requires_grad_(False)


def trained(trunk):
    return {name for name, weight in trunk.named_parameters() if weight.requires_grad}


def test_unfreeze_nothing_by_default(tiny_llama):
    trunk = frozen(tiny_llama)
    assert unfreeze(trunk, NetworkSettings()) == []
    assert trained(trunk) == set()


def test_unfreeze_last_layer_with_the_norm_after_it(tiny_llama):
    trunk = frozen(tiny_llama)
    (group,) = unfreeze(trunk, NetworkSettings(unfreeze_layers=1))
    assert trained(trunk) == set(group)
    assert all(name.startswith("layers.1.") or name == "norm.weight" for name in group)
    assert len(group) == 10  # four projections, three of the MLP, three norms


@pytest.mark.parametrize("backbone", ["tiny_llama", "tiny_bert"])
def test_unfreeze_everything_from_the_last_layer_to_the_embeddings(request, backbone):
    trunk = frozen(request.getfixturevalue(backbone))
    groups = unfreeze(trunk, NetworkSettings(freeze_backbone=False))
    everything = {name for name, _ in trunk.named_parameters() if "pooler" not in name}
    assert [name for group in groups for name in group if "embed" in name] == groups[-1]
    assert {name for group in groups for name in group} == everything == trained(trunk)
    assert [".1." in groups[0][0], ".0." in groups[1][0], len(groups)] == [True, True, 3]


def test_unfreeze_last_layer_with_the_norm_after_it_though_the_model_names_it_before():
    config = OPTConfig(
        vocab_size=32,
        hidden_size=8,
        ffn_dim=8,
        num_hidden_layers=2,
        num_attention_heads=2,
        word_embed_proj_dim=8,
    )
    trunk = OPTModel(config).requires_grad_(False)
    groups = unfreeze(trunk, NetworkSettings(freeze_backbone=False))
    assert "decoder.final_layer_norm.weight" in groups[0]
    assert groups[-1] == ["decoder.embed_tokens.weight", "decoder.embed_positions.weight"]


def test_unfreeze_more_layers_than_there_are_is_refused(tiny_llama):
    with pytest.raises(ValueError, match="unfreeze_layers: 3, but this backbone has 2 layers"):
        unfreeze(frozen(tiny_llama), NetworkSettings(unfreeze_layers=3))


def test_unfreeze_keeps_frozen_weights_narrow_and_trained_ones_wide(tiny_llama):
    trunk = frozen(tiny_llama, dtype="bfloat16")
    unfreeze(trunk, NetworkSettings(unfreeze_layers=1))
    for weight in trunk.parameters():
        assert weight.dtype == (torch.float32 if weight.requires_grad else torch.bfloat16)


def test_unfreeze_reaches_layers_under_adapters(tiny_llama):
    settings = NetworkSettings(unfreeze_layers=1, lora_rank=4)
    network = TaggingNetwork.build(BackboneSource(str(tiny_llama)), ["PER"], settings)
    names = {name for name, weight in network.named_parameters() if weight.requires_grad}
    assert "backbone.base_model.model.layers.1.self_attn.q_proj.base_layer.weight" in names
    assert "backbone.base_model.model.layers.0.self_attn.q_proj.base_layer.weight" not in names
    assert "backbone.base_model.model.layers.0.self_attn.q_proj.lora_A.default.weight" in names


def test_train_groups_adds_one_after_the_other(tiny_llama):
    trunk = frozen(tiny_llama)
    groups = unfreeze(trunk, NetworkSettings(freeze_backbone=False))
    for count in range(1, 4):
        train_groups(trunk, groups, count)
        assert trained(trunk) == {name for group in groups[:count] for name in group}


def test_first_layers_are_those_of_the_whole_model(tiny_llama):
    trunk = load_trunk(str(tiny_llama), layers=1)
    stock = AutoModel.from_pretrained(str(tiny_llama)).eval()
    stock.layers = stock.layers[:1]
    stock.config.num_hidden_layers = 1
    ids = torch.tensor([[5, 6, 7]])
    with torch.no_grad():
        assert torch.equal(trunk(ids).last_hidden_state, stock(ids).last_hidden_state)


def test_more_first_layers_than_there_are_is_refused(tiny_llama):
    with pytest.raises(ValueError, match=r"layers: 3, but the backbone .* has 2; null uses all of them"):
        load_trunk(str(tiny_llama), layers=3)


def test_first_layers_are_loaded_without_a_warning(tiny_llama, caplog, capfd):
    load_trunk(str(tiny_llama), layers=1)
    assert "not used" not in caplog.text + capfd.readouterr().err
