import copy
import math

import numpy as np
import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModel

from spacy_llama_ner.network.backbone import fingerprint, load_trunk
from spacy_llama_ner.network.merging import merge_adapters, merge_network
from spacy_llama_ner.network.network import TaggingNetwork
from spacy_llama_ner.network.storage import load_network, save_network
from spacy_llama_ner.network.types import BackboneSource, NetworkSettings, PieceBatch

LABELS = ["PER", "LOC"]
BATCH = PieceBatch([[0, 5, 6, 7, 8]], np.zeros(4, np.int64), np.arange(1, 5), np.arange(4), [4])
RANK, ALPHA = 4, 6
LAYER = "layers.1.self_attn.k_proj"


def adapted(backbone, *, dtype="float32", **options):
    """A trunk with adapters that are not at their initial value, and what its weights were."""
    trunk = load_trunk(str(backbone), dtype=dtype)
    plain = {name: weight.detach().clone().float() for name, weight in trunk.named_parameters()}
    torch.manual_seed(0)
    model = get_peft_model(
        trunk, LoraConfig(r=RANK, lora_alpha=ALPHA, target_modules=["q_proj", "k_proj"], **options)
    )
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if ".lora_" in name:
                weight.add_(torch.randn_like(weight) * 0.1)
    return model.eval(), plain


def parts(model, layer):
    """The matrices A and B of a layer, and DoRA's magnitude if it has one."""
    module = model.get_base_model().get_submodule(layer)
    magnitude = module.lora_magnitude_vector
    return (
        module.lora_A["default"].weight.detach().clone(),
        module.lora_B["default"].weight.detach().clone(),
        magnitude["default"].weight.detach().clone() if "default" in magnitude else None,
    )


@pytest.mark.parametrize(
    ("options", "scale"),
    [({}, ALPHA / RANK), ({"use_rslora": True}, ALPHA / math.sqrt(RANK))],
    ids=["lora", "rslora"],
)
def test_merge_adapters_adds_scaled_product(tiny_llama, options, scale):
    model, plain = adapted(tiny_llama, **options)
    a, b, _ = parts(model, LAYER)
    merged = merge_adapters(model, dtype=torch.float32)
    expected = plain[f"{LAYER}.weight"] + scale * (b @ a)
    torch.testing.assert_close(merged.get_submodule(LAYER).weight.detach(), expected, atol=1e-6, rtol=0)


def test_merge_adapters_of_dora_scales_directions(tiny_llama):
    """Liu et al. (2024), DoRA, equation 5: magnitude times direction, row by row in torch's layout."""
    model, plain = adapted(tiny_llama, use_dora=True)
    a, b, magnitude = parts(model, LAYER)
    merged = merge_adapters(model, dtype=torch.float32)
    direction = plain[f"{LAYER}.weight"] + ALPHA / RANK * (b @ a)
    expected = magnitude[:, None] * direction / direction.norm(dim=1, keepdim=True)
    torch.testing.assert_close(merged.get_submodule(LAYER).weight.detach(), expected, atol=1e-6, rtol=0)


def test_merge_adapters_leaves_other_weights_alone_and_nothing_beside(tiny_llama):
    model, plain = adapted(tiny_llama)
    merged = merge_adapters(model, dtype=torch.float32)
    assert {name for name, _ in merged.named_parameters()} == plain.keys()
    for name, weight in merged.named_parameters():
        if "q_proj" not in name and "k_proj" not in name:
            assert torch.equal(weight, plain[name]), name


def test_merge_adapters_rounds_the_sum_not_the_correction(tiny_llama):
    """In bfloat16 a correction far below the weight's last place would be lost where it is added."""
    model, plain = adapted(tiny_llama, dtype="bfloat16")
    a, b, _ = parts(model, LAYER)
    merged = merge_adapters(model, dtype=torch.float32)
    exact = plain[f"{LAYER}.weight"] + ALPHA / RANK * (b @ a)
    assert not torch.equal(exact, exact.bfloat16().float())
    torch.testing.assert_close(merged.get_submodule(LAYER).weight.detach(), exact, atol=1e-6, rtol=0)


def test_merge_adapters_keeps_rotary_frequencies_in_float32(tiny_llama):
    before = load_trunk(str(tiny_llama)).rotary_emb.inv_freq
    merged = merge_adapters(adapted(tiny_llama)[0], dtype=torch.bfloat16)
    assert {weight.dtype for weight in merged.parameters()} == {torch.bfloat16}
    assert torch.equal(merged.rotary_emb.inv_freq, before)


def test_merge_adapters_of_a_plain_backbone_rounds_it(tiny_llama):
    merged = merge_adapters(load_trunk(str(tiny_llama)), dtype=torch.bfloat16)
    assert torch.equal(merged.norm.weight, load_trunk(str(tiny_llama), dtype="bfloat16").norm.weight)


def test_merge_adapters_that_are_no_numbers_is_refused(tiny_llama):
    model, _ = adapted(tiny_llama)
    with torch.no_grad():
        next(weight for name, weight in model.named_parameters() if "lora_A" in name).fill_(float("nan"))
    with pytest.raises(ValueError, match="NaNs detected in the merged weights"):
        merge_adapters(model, dtype=torch.float32)


def test_merge_adapters_into_a_quantized_backbone_is_refused(tiny_llama):
    trunk = load_trunk(str(tiny_llama))
    weight = trunk.layers[0].mlp.up_proj.weight
    trunk.layers[0].mlp.up_proj.weight = torch.nn.Parameter(weight.to(torch.int8), requires_grad=False)
    with pytest.raises(
        ValueError, match=r"is quantized: its weight 'layers.0.mlp.up_proj.weight' is torch.int8"
    ):
        merge_adapters(trunk, dtype=torch.float32)


def build(backbone, settings, dtype="float32"):
    torch.manual_seed(0)
    network = TaggingNetwork.build(BackboneSource(str(backbone), dtype=dtype), LABELS, settings)
    with torch.no_grad():  # as if trained
        for weight in network.parameters():
            if weight.requires_grad:
                weight.add_(torch.randn_like(weight) * 0.1)
    return network


def predict(network):
    return network.predict(BATCH, max_batch_pieces=100)[0]


FORMS = {
    "lora": NetworkSettings(lora_rank=4),
    "dora and rslora": NetworkSettings(lora_rank=4, use_dora=True, use_rslora=True),
    "all linear": NetworkSettings(lora_rank=4, lora_target_modules="all-linear"),
    "a range of layers": NetworkSettings(lora_rank=4, attention="bidirectional[1:2]"),
    "first layer": NetworkSettings(lora_rank=4, layers=1),
    "last layer unfrozen": NetworkSettings(lora_rank=4, unfreeze_layers=1),
    "all weights": NetworkSettings(peft=None, freeze_backbone=False),
    "head alone": NetworkSettings(peft=None),
}


@pytest.mark.parametrize("settings", FORMS.values(), ids=FORMS.keys())
def test_merged_network_predicts_the_same_but_for_rounding(tiny_llama, tmp_path, settings):
    network = build(tiny_llama, settings)
    before = predict(network)
    merge_network(network)
    save_network(network, tmp_path / "net", save_inside=True)
    source = BackboneSource("nowhere", save_inside=True)
    loaded = load_network(tmp_path / "net", source=source, labels=LABELS, settings=network.settings)
    # bfloat16 has 8 significant bits; these weights are random, so errors do not grow.
    np.testing.assert_allclose(predict(loaded), before, atol=0.02 * np.abs(before).max())
    assert np.abs(predict(loaded) - before).max() > 0


def test_merged_network_is_as_if_nothing_had_been_merged_but_for_rounding(tiny_llama, monkeypatch):
    from spacy_llama_ner.network import merging

    monkeypatch.setattr(merging, "MERGED_DTYPE", torch.float32)
    network = build(tiny_llama, NetworkSettings(lora_rank=4, use_dora=True))
    before = predict(network)
    merge_network(network)
    np.testing.assert_allclose(predict(network), before, atol=1e-5)


def test_merged_network_has_no_adapters_and_a_frozen_backbone(tiny_llama, tmp_path):
    network = build(tiny_llama, NetworkSettings(lora_rank=4, unfreeze_layers=1))
    head = copy.deepcopy(network.head.state_dict())
    name = network.reference.name
    merge_network(network)
    assert (network.settings.peft, network.settings.unfreeze_layers) == (None, 0)
    assert {name.split(".")[0] for name, weight in network.named_parameters() if weight.requires_grad} == {
        "head",
        "crf",
    }
    assert all(torch.equal(weight, head[key]) for key, weight in network.head.state_dict().items())
    assert network.reference.name == name
    assert network.reference.fingerprint == fingerprint(network.trunk)
    save_network(network, tmp_path / "net", save_inside=True)
    assert not (tmp_path / "net" / "adapter").exists()
    assert (
        AutoModel.from_pretrained(str(tmp_path / "net" / "backbone"), torch_dtype="auto").dtype
        == torch.bfloat16
    )


def test_merged_network_is_saved_inside_whatever_is_asked(tiny_llama, tmp_path):
    network = build(tiny_llama, NetworkSettings(lora_rank=4))
    merge_network(network)
    save_network(network, tmp_path / "net", save_inside=False)
    source = BackboneSource(str(tiny_llama))
    loaded = load_network(tmp_path / "net", source=source, labels=LABELS, settings=network.settings)
    assert loaded.reference.merged
    np.testing.assert_allclose(predict(loaded), predict(network), atol=0.02)
