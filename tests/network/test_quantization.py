import copy
import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from transformers import GPT2Config, GPT2Model
from wide_models import make_wide_llama

from spacy_llama_ner.network import quantization
from spacy_llama_ner.network.backbone import base_weights, fingerprint, load_trunk
from spacy_llama_ner.network.loss import CompoundLoss
from spacy_llama_ner.network.network import TaggingNetwork
from spacy_llama_ner.network.quantization import follow_weights, quantization_of, quantize_trunk
from spacy_llama_ner.network.storage import load_network, save_network
from spacy_llama_ner.network.types import BackboneSource, NetworkSettings, PieceBatch

pytest.importorskip("bitsandbytes")
LABELS = ["PER", "LOC"]
BATCH = PieceBatch([[0, 5, 6, 7, 8]], np.zeros(4, np.int64), np.arange(1, 5), np.arange(4), [4])
ALLOWED = [np.eye(5, dtype=bool)[[1, 2, 0, 3]]]
SETTINGS = NetworkSettings(lora_rank=4)
STORED = pytest.mark.parametrize("kind", ["int8", "nf4"])
PROJECTION = "layers.0.self_attn.q_proj"


@pytest.fixture(scope="module")
def wide_llama(tmp_path_factory):
    return make_wide_llama(tmp_path_factory.mktemp("wide-llama"))


def source(backbone, kind, **others):
    return BackboneSource(str(backbone), quantization=kind, **others)


def build(backbone, kind, settings=SETTINGS, **others):
    torch.manual_seed(0)
    network = TaggingNetwork.build(source(backbone, kind, **others), LABELS, settings)
    with torch.no_grad():  # as if trained: nothing is at its initial value
        for weight in network.parameters():
            if weight.requires_grad:
                weight.add_(torch.randn_like(weight) * 0.1)
    return network


def load(folder, backbone, kind, settings=SETTINGS, **others):
    return load_network(folder, source=source(backbone, kind, **others), labels=LABELS, settings=settings)


def emissions(network, batch=BATCH):
    return network.predict(batch, max_batch_pieces=100)[0]


def states(trunk):
    ids = torch.arange(20).reshape(2, 10)
    with torch.no_grad():
        return trunk(input_ids=ids, attention_mask=torch.ones_like(ids)).last_hidden_state.float()


def widened(layer):
    """The weight that a quantized layer stands for."""
    if hasattr(layer, "init_8bit_state"):
        scale = layer.weight.SCB if layer.state.SCB is None else layer.state.SCB
        return layer.weight.data.float() * scale[:, None] / 127
    if hasattr(layer.weight, "quant_state"):
        from bitsandbytes.functional import dequantize_4bit

        return dequantize_4bit(layer.weight.data, layer.weight.quant_state)
    return layer.weight.dequantize()


def with_widened(backbone, trunk):
    """A plain trunk with the weights that a quantized one stands for."""
    plain = load_trunk(str(backbone))
    for name, module in plain.named_modules():
        if isinstance(module, torch.nn.Linear):
            module.weight.data = widened(trunk.get_submodule(name))
    return plain


def test_quantize_trunk_int8_rounds_rows_to_127_steps(wide_llama):
    plain = load_trunk(str(wide_llama)).get_submodule(PROJECTION).weight.data.half().float()
    layer = quantize_trunk(load_trunk(str(wide_llama)), "int8").get_submodule(PROJECTION)
    step = plain.abs().amax(dim=1, keepdim=True) / 127
    assert torch.equal(layer.weight.data, torch.round(plain / step).to(torch.int8))


def test_quantize_trunk_nf4_rounds_to_its_sixteen_values(wide_llama):
    # Source: Dettmers et al. (2023), QLoRA, appendix E.
    below = [-1, -0.6961928, -0.52507305, -0.39491749, -0.28444138, -0.18477343, -0.09105004, 0]
    above = [0.0795803, 0.1609302, 0.2461123, 0.33791524, 0.44070983, 0.562617, 0.72295684, 1]
    values = torch.tensor([*below, *above])
    plain = load_trunk(str(wide_llama)).get_submodule(PROJECTION).weight.data.reshape(-1, 64)
    layer = quantize_trunk(load_trunk(str(wide_llama)), "nf4").get_submodule(PROJECTION)
    scale = plain.abs().amax(dim=1, keepdim=True)
    nearest = values[(plain[..., None] / scale[..., None] - values).abs().argmin(dim=-1)]
    # The scales are rounded to 8 bits themselves.
    torch.testing.assert_close(widened(layer).reshape(-1, 64), nearest * scale, rtol=0.02, atol=0)


def test_quantize_trunk_nf4_computes_with_the_weights_it_stands_for(wide_llama):
    trunk = quantize_trunk(load_trunk(str(wide_llama)), "nf4")
    torch.testing.assert_close(states(trunk), states(with_widened(wide_llama, trunk)))


def test_quantize_trunk_int8_multiplies_rounded_states(wide_llama):
    layer = quantize_trunk(load_trunk(str(wide_llama)), "int8").get_submodule(PROJECTION)
    torch.manual_seed(0)
    given = torch.randn(5, 64)
    step = given.half().float().abs().amax(dim=1, keepdim=True) / 127
    expected = torch.round(given.half() / step) * step @ widened(layer).T
    with torch.no_grad():
        torch.testing.assert_close(layer(given), expected, rtol=0, atol=0.01 * float(expected.abs().max()))


def test_quantize_trunk_by_torchao_computes_with_the_weights_it_stands_for(wide_llama):
    pytest.importorskip("torchao")
    trunk = quantize_trunk(load_trunk(str(wide_llama)), "torchao-int8")
    torch.testing.assert_close(states(trunk), states(with_widened(wide_llama, trunk)))
    plain = load_trunk(str(wide_llama)).get_submodule(PROJECTION).weight.data
    error = (widened(trunk.get_submodule(PROJECTION)) - plain).abs()
    assert 0 < error.max() <= (plain.abs().amax(dim=1) / 127).max()


@pytest.mark.parametrize("peft", ["lora", None])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@STORED
def test_quantized_backbone_is_stored_bit_by_bit(wide_llama, tmp_path, kind, dtype, peft):
    settings = NetworkSettings(lora_rank=4, peft=peft)
    network = build(wide_llama, kind, settings, dtype=dtype, save_inside=True)
    save_network(network, tmp_path / "net", save_inside=True)
    loaded = load(tmp_path / "net", wide_llama, kind, settings, dtype=dtype, save_inside=True)
    before, after = base_weights(network.trunk), base_weights(loaded.trunk)
    assert before.keys() == after.keys()
    for name, weight in before.items():
        assert after[name].dtype == weight.dtype, name
        assert torch.equal(after[name], weight), name
    assert (emissions(loaded) == emissions(network)).all()
    save_network(loaded, tmp_path / "again", save_inside=True)
    files = [(tmp_path / name / "backbone" / "model.safetensors").read_bytes() for name in ("net", "again")]
    assert files[0] == files[1]


@STORED
def test_quantized_backbone_is_smaller_and_safetensors(wide_llama, tmp_path, kind):
    save_network(build(wide_llama, kind, save_inside=True), tmp_path / "net", save_inside=True)
    save_network(build(wide_llama, None, save_inside=True), tmp_path / "plain", save_inside=True)
    (small,), (large,) = ((tmp_path / name / "backbone").glob("*.*t*rs") for name in ("net", "plain"))
    assert small.suffix == ".safetensors"
    stored = load_file(small)
    assert stored[f"{PROJECTION}.weight"].dtype == {"int8": torch.int8, "nf4": torch.uint8}[kind]
    sizes = [
        sum(weight.nbytes for name, weight in tensors.items() if "_proj." in name)
        for tensors in (stored, load_file(large))
    ]
    assert sizes[0] < sizes[1] * {"int8": 0.28, "nf4": 0.25}[kind]  # of float32, with all scales


@STORED
def test_quantized_backbone_by_reference_has_the_fingerprint_of_the_plain_one(wide_llama, tmp_path, kind):
    network = build(wide_llama, kind)
    assert network.reference.fingerprint == fingerprint(load_trunk(str(wide_llama)))
    save_network(network, tmp_path / "net", save_inside=False)
    assert not (tmp_path / "net" / "backbone").exists()
    loaded = load(tmp_path / "net", wide_llama, kind)
    assert (emissions(loaded) == emissions(network)).all()
    other = make_wide_llama(tmp_path / "other", seed=1)
    with pytest.raises(ValueError, match="its fingerprint differs"):
        load(tmp_path / "net", other, kind)


@STORED
def test_plain_backbone_inside_is_quantized_at_load(wide_llama, tmp_path, kind):
    save_network(build(wide_llama, None), tmp_path / "net", save_inside=True)
    assert quantization_of(load(tmp_path / "net", wide_llama, kind).trunk) == kind


@pytest.mark.parametrize(("stored", "asked"), [("nf4", "int8"), ("int8", None)])
def test_backbone_stored_in_another_way_is_refused(wide_llama, tmp_path, stored, asked):
    save_network(build(wide_llama, stored), tmp_path / "net", save_inside=True)
    with pytest.raises(ValueError, match=f'stored as {stored}. Set backbone.quantization = "{stored}"'):
        load(tmp_path / "net", wide_llama, asked)


@pytest.mark.parametrize("checkpointing", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@STORED
def test_adapters_learn_over_a_quantized_backbone(wide_llama, kind, dtype, checkpointing):
    network = build(wide_llama, kind, dtype=dtype)
    emissions(network)  # which must leave nothing behind that stops gradients
    frozen = copy.deepcopy(base_weights(network.trunk))
    network.set_checkpointing(checkpointing)
    weights = [weight for weight in network.parameters() if weight.requires_grad]
    assert {weight.dtype for weight in weights} == {torch.float32}
    optimizer = torch.optim.Adam(weights, lr=0.01)
    losses = []
    for _ in range(8):
        optimizer.zero_grad()
        with network.training_mode(0.1):
            total = network.loss(BATCH, ALLOWED, CompoundLoss(), max_batch_pieces=100).total
            total.backward()
        losses.append(total.item())
        assert all(weight.grad is not None and weight.grad.abs().sum() > 0 for weight in weights[:4])
        optimizer.step()
    assert losses[-1] < losses[0] / 2
    assert all(torch.equal(weight, frozen[name]) for name, weight in base_weights(network.trunk).items())


def test_dora_learns_over_nf4(wide_llama):
    network = build(wide_llama, "nf4", NetworkSettings(lora_rank=4, use_dora=True))
    with network.training_mode(0.1):
        network.loss(BATCH, ALLOWED, CompoundLoss(), max_batch_pieces=100).total.backward()
    sizes = [weight for name, weight in network.named_parameters() if "lora_magnitude" in name]
    assert sizes
    assert all(weight.grad.abs().sum() > 0 for weight in sizes)


@STORED
def test_predictions_leave_stored_weights_as_they_are(wide_llama, kind):
    network = build(wide_llama, kind, dtype="bfloat16")
    trunk = quantize_trunk(load_trunk(str(wide_llama), dtype="bfloat16"), kind)
    emissions(network)
    now = base_weights(network.trunk)
    assert all(torch.equal(now[name], weight) for name, weight in trunk.state_dict().items())


@STORED
def test_predictions_do_not_depend_on_the_batch(wide_llama, tmp_path, kind):
    backbone = make_wide_llama(tmp_path / "llama", norm=5)  # some states are above 6, LLM.int8()'s threshold
    network = build(backbone, kind)
    both = PieceBatch(
        [[0, 5, 6, 7, 8], [0, 99, 98, 97, 96, 95, 94]],
        np.array([0, 0, 0, 0, 1], np.int64),
        np.array([1, 2, 3, 4, 5]),
        np.arange(5),
        [4, 1],
    )
    np.testing.assert_allclose(emissions(network, both), emissions(network), atol=1e-4)


def test_follow_weights_brings_the_state_to_them(wide_llama):
    from bitsandbytes.nn import Int8Params

    trunk = build(wide_llama, "int8", NetworkSettings(peft=None)).trunk
    layer = trunk.get_submodule(PROJECTION)
    assert layer.state.CB.device.type == "cpu"  # the canary ran
    layer.weight = Int8Params(layer.weight.data.to("meta"), requires_grad=False)
    follow_weights(trunk)
    assert layer.state.CB.device.type == layer.state.SCB.device.type == "meta"


def test_import_of_the_network_needs_no_quantization_package(wide_llama, monkeypatch):
    monkeypatch.setattr(quantization, "find_spec", lambda name: None)
    TaggingNetwork.build(BackboneSource(str(wide_llama)), LABELS, SETTINGS)


@pytest.mark.parametrize(
    ("kind", "package", "extra"),
    [("nf4", "bitsandbytes", "quantization"), ("torchao-int8", "torchao", "torchao")],
)
def test_missing_package_is_named_before_anything_is_loaded(monkeypatch, kind, package, extra):
    monkeypatch.setattr(quantization, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=rf'needs {package}: pip install "spacy-llama-ner\[{extra}\]"'):
        TaggingNetwork.build(BackboneSource("no/where", quantization=kind), LABELS, SETTINGS)


@pytest.mark.parametrize("settings", [{"freeze_backbone": False}, {"unfreeze_layers": 1}])
def test_quantized_backbone_that_is_trained_is_refused(wide_llama, settings):
    with pytest.raises(ValueError, match="quantized weights cannot be trained. Set freeze_backbone = true"):
        build(wide_llama, "nf4", NetworkSettings(**settings))


def test_dora_over_int8_is_refused(wide_llama):
    with pytest.raises(ValueError, match="DoRA does not run over bitsandbytes' 8 bits"):
        build(wide_llama, "int8", NetworkSettings(use_dora=True))


def test_quantize_trunk_without_linear_layers_is_refused():
    trunk = GPT2Model(GPT2Config(vocab_size=50, n_positions=16, n_embd=8, n_layer=1, n_head=2))
    with pytest.raises(ValueError, match=r"\(gpt2\) has no linear layers that could be quantized"):
        quantize_trunk(trunk, "nf4")


def test_nf4_of_layers_that_blocks_do_not_fit_is_refused(tiny_llama):
    with pytest.raises(ValueError, match=r"layers.0.self_attn.q_proj has 32 inputs.*multiple of 64"):
        build(tiny_llama, "nf4")


def test_int8_of_narrow_layers_is_quantized(tiny_llama):
    assert quantization_of(build(tiny_llama, "int8").trunk) == "int8"


def test_torchao_inside_is_refused():
    with pytest.raises(ValueError, match='"torchao-int8" is applied at each load and cannot be saved'):
        BackboneSource("some", quantization="torchao-int8", save_inside=True)


def test_unknown_quantization_is_refused():
    with pytest.raises(ValueError, match='backbone.quantization: expected one of null, "int8", "nf4"'):
        BackboneSource("some", quantization="int4")


def test_torchao_network_is_saved_by_reference_alone(wide_llama, tmp_path):
    pytest.importorskip("torchao")
    network = build(wide_llama, "torchao-int8")
    save_network(network, tmp_path / "net", save_inside=False)
    loaded = load(tmp_path / "net", wide_llama, "torchao-int8")
    assert quantization_of(loaded.trunk) == "torchao-int8"
    assert (emissions(loaded) == emissions(network)).all()
    with pytest.raises(ValueError, match="torchao-int8 is applied at each load and cannot be saved"):
        save_network(network, tmp_path / "inside", save_inside=True)
    assert not (tmp_path / "inside").exists()


def test_stored_config_says_how_to_read_the_weights(wide_llama, tmp_path):
    save_network(build(wide_llama, "int8"), tmp_path / "net", save_inside=True)
    config = json.loads((tmp_path / "net" / "backbone" / "config.json").read_text(encoding="utf8"))
    assert config["quantization_config"]["load_in_8bit"] is True
    assert config["quantization_config"]["llm_int8_threshold"] == 0.0


@pytest.mark.gpu
@STORED
def test_quantized_network_trains_on_a_gpu_and_comes_back(wide_llama, tmp_path, kind):
    device = torch.device("cuda")
    torch.manual_seed(0)
    network = TaggingNetwork.build(
        source(wide_llama, kind, dtype="bfloat16"), LABELS, SETTINGS, device=device
    )
    with network.training_mode(0.1):
        network.loss(BATCH, ALLOWED, CompoundLoss(), max_batch_pieces=100).total.backward()
    adapters = [weight for name, weight in network.named_parameters() if "lora_B" in name]
    assert all(weight.grad.abs().sum() > 0 for weight in adapters)
    save_network(network, tmp_path / "net", save_inside=True)
    on_cpu = load(tmp_path / "net", wide_llama, kind, dtype="bfloat16")
    on_gpu = load_network(
        tmp_path / "net",
        source=source(wide_llama, kind, dtype="bfloat16"),
        labels=LABELS,
        settings=SETTINGS,
        device=device,
    )
    expected = emissions(network)
    np.testing.assert_array_equal(emissions(on_gpu), expected)
    np.testing.assert_allclose(emissions(on_cpu), expected, atol=0.1)
    np.testing.assert_allclose(emissions(on_cpu.to(device)), expected, atol=0.1)
