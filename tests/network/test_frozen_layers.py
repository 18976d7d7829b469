import numpy as np
import pytest
import torch
from transformers import LlamaConfig, LlamaModel

from spacy_llama_ner.network.frozen_layers import FrozenLayers, check_frozen, first_trained_layer
from spacy_llama_ner.network.loss import CompoundLoss
from spacy_llama_ner.network.network import TaggingNetwork
from spacy_llama_ner.network.types import BackboneSource, NetworkSettings, PieceBatch

WINDOWS = [[0, *range(5, 5 + length)] for length in (3, 9, 4, 6)]


def make_batch(*chosen):
    windows = [WINDOWS[number] for number in chosen]
    lengths = [len(window) - 1 for window in windows]
    return PieceBatch(
        windows,
        np.repeat(np.arange(len(windows)), lengths),
        np.concatenate([np.arange(1, length + 1) for length in lengths]),
        np.arange(sum(lengths)),
        lengths,
    )


# In the second and third, some windows are known and some are not.
BATCHES = [make_batch(0, 1), make_batch(1, 2), make_batch(0, 3, 1), make_batch(2, 3), make_batch(0, 1)]


@pytest.fixture
def build(tiny_llama, tiny_bert):
    def build(name="llama", **settings):
        torch.manual_seed(0)
        folder = tiny_llama if name == "llama" else tiny_bert
        source = BackboneSource(str(folder), dtype=settings.pop("dtype", "float32"))
        asked = {"lora_rank": 4, "lora_layers": 1, "lora_target_modules": "all-linear", **settings}
        return TaggingNetwork.build(source, ["PER"], NetworkSettings(**asked))

    return build


def learn(network, batches, *, drop=0.0):
    """RETURNS: The losses of some steps, and the gradients of the last, by plain gradient descent."""
    losses, gradients = [], {}
    torch.manual_seed(1)
    for batch in batches:
        network.zero_grad()
        allowed = [np.eye(3, dtype=bool)[np.arange(length) % 2] for length in batch.doc_lengths]
        with network.training_mode(drop):
            total = network.loss(batch, allowed, CompoundLoss(), max_batch_pieces=100).total
            total.backward()
        losses.append(total.item())
        named = [(name, weight) for name, weight in network.named_parameters() if weight.grad is not None]
        gradients = {name: weight.grad.clone() for name, weight in named}
        with torch.no_grad():
            for _, weight in named:
                weight -= 0.01 * weight.grad
    return losses, gradients


CASES = {
    "causal": {"attention": "causal"},
    "bidirectional": {},
    "BERT": {"name": "bert"},
    "last layer's own weights": {"peft": None, "unfreeze_layers": 1},
    "head alone": {"peft": None},
    "dropout": {"drop": 0.3},
    "checkpointing": {"checkpointing": True},
    "bfloat16": {"dtype": "bfloat16"},
}


@pytest.mark.parametrize("settings", CASES.values(), ids=CASES)
def test_losses_and_gradients_are_those_without_cache(build, settings):
    settings = dict(settings)
    drop, checkpointing = settings.pop("drop", 0.0), settings.pop("checkpointing", False)
    tolerance = 1e-5 if settings.get("dtype") is None else 5e-2
    networks = [build(**settings), build(**settings)]
    networks[1].cache_frozen_layers(10)
    for network in networks:
        network.set_checkpointing(checkpointing)
    (losses, gradients), (cached_losses, cached) = (
        learn(network, BATCHES, drop=drop) for network in networks
    )
    assert len(networks[1].frozen_layers) == len(WINDOWS)
    np.testing.assert_allclose(cached_losses, losses, rtol=tolerance)
    assert cached.keys() == gradients.keys()
    for name, gradient in gradients.items():
        torch.testing.assert_close(
            cached[name], gradient, atol=tolerance * gradient.abs().max().item(), rtol=0
        )


def test_frozen_layers_compute_each_window_once(build):
    network = build()
    network.cache_frozen_layers(10)
    rows = []
    lower, upper = network.trunk.layers
    lower.mlp.register_forward_hook(lambda module, args, output: rows.append(("lower", len(output))))
    upper.mlp.register_forward_hook(lambda module, args, output: rows.append(("upper", len(output))))
    learn(network, [make_batch(0, 1), make_batch(2, 3)] * 2)
    assert sum(count for layer, count in rows if layer == "lower") == len(WINDOWS)
    assert sum(count for layer, count in rows if layer == "upper") == 2 * len(WINDOWS)


def test_frozen_layers_drop_nothing(build):
    network = build("bert", lora_dropout=0.0)
    network.cache_frozen_layers(10)
    ids, mask = torch.tensor([WINDOWS[0]]), torch.ones(1, len(WINDOWS[0]), dtype=torch.bool)
    forward = network._states
    with network.training_mode(0.5):
        network.frozen_layers.hidden(forward, ids, mask)
        assert network.trunk.encoder.layer[0].output.dropout.training
    (kept,) = network.frozen_layers._kept.values()
    with torch.no_grad():
        expected = network.trunk(ids, attention_mask=mask, output_hidden_states=True).hidden_states[1][0]
    torch.testing.assert_close(kept, expected)


def test_prediction_after_training_does_not_use_the_cache(build):
    network = build()
    network.cache_frozen_layers(10)
    learn(network, BATCHES)
    before = network.predict(BATCHES[0], max_batch_pieces=100)
    for states in network.frozen_layers._kept.values():
        states.fill_(torch.nan)
    after = network.predict(BATCHES[0], max_batch_pieces=100)
    for one, two in zip(before, after, strict=True):
        np.testing.assert_array_equal(one, two)
    assert not any("kept" in name for name in network.state_dict())


def test_memory_is_bounded_and_the_bound_is_said_once(build, caplog):
    network = build()
    plain, _ = learn(build(), BATCHES)
    network.cache_frozen_layers(1)
    network.frozen_layers.room = 14 * 32 * 4  # bytes of 14 pieces: two of four windows
    losses, _ = learn(network, BATCHES)
    assert len(network.frozen_layers) == 2
    assert 0 < network.frozen_layers.size <= network.frozen_layers.room
    assert sum("windows fill" in record.message for record in caplog.records) == 1
    np.testing.assert_allclose(losses, plain, rtol=1e-5)
    network.frozen_layers.clear()
    assert len(network.frozen_layers) == network.frozen_layers.size == 0


@pytest.mark.parametrize(
    "settings",
    [{"lora_layers": None}, {"lora_layers": 2}, {"freeze_backbone": False}, {"unfreeze_layers": 2}],
)
def test_cache_is_refused_where_the_first_layer_is_trained(build, settings):
    with pytest.raises(ValueError, match="trained from its first layer on.* Set lora_layers"):
        build(**settings).cache_frozen_layers(10)


def test_cache_is_refused_where_no_layers_are_found():
    trunk = LlamaModel(
        LlamaConfig(hidden_size=8, intermediate_size=8, num_attention_heads=1, num_hidden_layers=2)
    )
    trunk.config.num_hidden_layers = 3
    with pytest.raises(ValueError, match="no list of layers that could be found"):
        first_trained_layer(trunk, [])


def test_check_refuses_layers_that_cannot_be_skipped(build):
    network = build()
    frozen = FrozenLayers(network.trunk, 1, 1)

    def uneven(ids, mask):  # a model whose later layers read what the first ones did besides
        seen = []
        handle = network.trunk.layers[0].mlp.register_forward_hook(lambda *args: seen.append(args[2].mean()))
        try:
            return network._states(ids, mask) + sum(seen, start=torch.zeros(()))
        finally:
            handle.remove()

    with pytest.raises(ValueError, match="gives other states when its frozen layers are skipped"):
        check_frozen(frozen, uneven)


def test_lora_layers_adapts_the_last_layers_alone(build):
    adapted = {name.split(".layers.")[1][0] for name, _ in build().named_parameters() if ".lora_" in name}
    assert adapted == {"1"}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"lora_layers": 3}, "lora_layers: 3, but this backbone has 2 layers"),
        ({"lora_layers": 0}, "lora_layers: expected a whole number from 1, got 0"),
        ({"lora_layers": "1"}, "lora_layers: expected a whole number"),
    ],
)
def test_lora_layers_is_checked(build, settings, message):
    with pytest.raises(ValueError, match=message):
        build(**settings)
