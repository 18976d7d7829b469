import itertools

import numpy as np
import pytest
import torch

from spacy_llama_ner.network.loss import CompoundLoss
from spacy_llama_ner.network.network import TaggingNetwork
from spacy_llama_ner.network.tags import legal_starts, legal_transitions, spans_to_tags
from spacy_llama_ner.network.types import BackboneSource, NetworkSettings, PieceBatch

LABELS = ["PER", "LOC"]
SETTINGS = NetworkSettings(lora_rank=4)
# Two docs with an empty one between; the second doc has two windows, and its token 4 has no piece.
BATCH = PieceBatch(
    windows=[[0, 5, 6, 7], [0, 8, 9, 10, 11], [0, 12]],
    window_index=np.array([0, 0, 0, 1, 1, 2]),
    position=np.array([1, 2, 3, 1, 4, 1]),
    token_index=np.array([0, 0, 1, 2, 3, 5]),
    doc_lengths=[2, 0, 4],
)
ALLOWED = [np.eye(5, dtype=bool)[[1, 2]], np.zeros((0, 5), bool), np.eye(5, dtype=bool)[[0, 3, 4, 0]]]


@pytest.fixture
def build(tiny_llama):
    def build(**settings):
        torch.manual_seed(0)
        source = BackboneSource(str(tiny_llama), dtype=settings.pop("dtype", "float32"))
        return TaggingNetwork.build(source, LABELS, NetworkSettings(**{"lora_rank": 4, **settings}))

    return build


def loss(network, *, drop):
    with network.training_mode(drop):
        return network.loss(BATCH, ALLOWED, CompoundLoss(), max_batch_pieces=100).total


def test_predict_gives_one_array_per_doc(build):
    assert [rows.shape for rows in build().predict(BATCH, max_batch_pieces=100)] == [(2, 5), (0, 5), (4, 5)]


@pytest.mark.parametrize("pooling", ["first", "last", "mean"])
def test_predict_does_not_depend_on_how_windows_are_batched(build, pooling):
    network = build(pooling=pooling)
    whole, single = (network.predict(BATCH, max_batch_pieces=size) for size in (100, 1))
    for one, two in zip(whole, single, strict=True):
        np.testing.assert_allclose(one, two, atol=1e-5)


@pytest.mark.parametrize("pooling", ["first", "last", "mean"])
def test_predict_is_the_head_on_pooled_states(build, pooling):
    network = build(pooling=pooling)
    with torch.no_grad():
        states = network.backbone(input_ids=torch.tensor([[0, 5, 6, 7]])).last_hidden_state[0]
        pooled = {"first": states[1], "last": states[2], "mean": (states[1] + states[2]) / 2}[pooling]
        expected = network.head(pooled).numpy()
    np.testing.assert_allclose(network.predict(BATCH, max_batch_pieces=100)[0][0], expected, atol=1e-5)


def test_predict_gives_a_token_without_pieces_the_bias(build):
    network = build()
    emissions = network.predict(BATCH, max_batch_pieces=100)[2][2]
    np.testing.assert_array_equal(emissions, network.head.bias.detach().numpy())


def test_predict_of_nothing_is_nothing(build):
    none = np.array([], dtype=np.int64)
    batch = PieceBatch([], none, none, none, [0, 0])
    assert [len(rows) for rows in build().predict(batch, max_batch_pieces=100)] == [0, 0]


def test_frozen_network_trains_adapters_head_and_crf_only(build):
    trainable = {name for name, weight in build().named_parameters() if weight.requires_grad}
    assert {name.split(".")[0] for name in trainable if "lora_" not in name} == {"head", "crf"}
    assert any("lora_" in name for name in trainable)


def test_unfrozen_network_without_adapters_trains_every_weight(build):
    network = build(freeze_backbone=False, peft=None)
    assert all(weight.requires_grad for weight in network.parameters())


def test_every_trainable_weight_gets_a_gradient(build):
    network = build()
    loss(network, drop=0.1).backward()
    assert [n for n, w in network.named_parameters() if w.requires_grad and w.grad is None] == []
    assert [n for n, w in network.named_parameters() if not w.requires_grad and w.grad is not None] == []


def test_training_a_float16_backbone_is_refused(build):
    with pytest.raises(ValueError, match=r'"float16" trains no weights of the backbone'):
        build(freeze_backbone=False, peft=None, dtype="float16")


def test_bfloat16_backbone_trains_adapters(build):
    network = build(dtype="bfloat16")
    total = loss(network, drop=0.1)
    total.backward()
    assert torch.isfinite(total)


def test_loss_without_dropout_is_the_same_twice(build):
    network = build(lora_dropout=0.5)
    one, two = (loss(network, drop=0.0) for _ in range(2))
    assert torch.equal(one, two)


def test_loss_with_dropout_is_random_and_leaves_evaluation_mode_on(build):
    network = build()
    one, two = (loss(network, drop=0.5) for _ in range(2))
    assert not torch.equal(one, two)
    assert not any(module.training for module in network.modules())


def test_loss_of_two_halves_adds_up_to_the_whole(build):
    network = build()
    emissions = [torch.from_numpy(rows) for rows in network.predict(BATCH, max_batch_pieces=100)]
    whole = network.loss_of(emissions, ALLOWED, CompoundLoss()).total
    halves = sum(
        network.loss_of(emissions[part], ALLOWED[part], CompoundLoss()).total
        for part in (slice(0, 1), slice(1, 3))
    )
    torch.testing.assert_close(whole, halves)


def test_decode_scores_are_exact_probabilities(build):
    """Against enumeration of every legal sequence of four tokens."""
    network = build()
    emissions = torch.randn(4, 5, generator=torch.Generator().manual_seed(1)) * 2
    start, step = legal_starts(2), legal_transitions(2)
    crf = network.crf
    weights = {}
    for tags in itertools.product(range(5), repeat=4):
        if not start[tags[0]] or not all(step[a, b] for a, b in itertools.pairwise(tags)):
            continue
        score = crf.start_transitions[tags[0]] + crf.end_transitions[tags[-1]]
        score += sum(emissions[i, tag] for i, tag in enumerate(tags))
        score += sum(crf.transitions[a, b] for a, b in itertools.pairwise(tags))
        weights[tags] = score.exp().item()
    best = max(weights, key=weights.get)
    (found,) = network.decode([emissions.numpy()])
    assert spans_to_tags([(span.start, span.end, span.label) for span in found], 4) == list(best)
    assert found
    for span in found:
        inside = [1 + 2 * span.label] + [2 + 2 * span.label] * (span.end - span.start - 1)
        share = sum(
            weight
            for tags, weight in weights.items()
            if list(tags[span.start : span.end]) == inside
            and (span.end == 4 or tags[span.end] != 2 + 2 * span.label)
        )
        assert span.score == pytest.approx(share / sum(weights.values()), abs=1e-6)


@pytest.mark.parametrize("use_crf", [True, False])
def test_decode_at_any_temperature_finds_the_same_entities(build, use_crf):
    network = build(use_crf=use_crf)
    rng = np.random.default_rng(0)
    emissions = [rng.normal(size=(n, 5)).astype(np.float32) for n in (1, 7, 0, 30)]
    plain = network.decode(emissions)
    assert sum(map(len, plain)) > 5
    for temperature in (0.07, 3.0, 11.0):
        tempered = network.decode(emissions, temperature=temperature)
        for one, two in zip(plain, tempered, strict=True):
            assert [(s.start, s.end, s.label) for s in one] == [(s.start, s.end, s.label) for s in two]
            assert all(a.score != b.score for a, b in zip(one, two, strict=True))


def test_network_without_crf_decodes_legal_tags_from_illegal_emissions(build):
    network = build(use_crf=False)
    emissions = np.full((3, 5), -5.0, dtype=np.float32)
    emissions[:, 4] = 5.0  # I-LOC everywhere: no B- before it
    (found,) = network.decode([emissions])
    assert [(span.start, span.end, span.label) for span in found] == [(0, 3, 1)]


def test_network_without_crf_has_nothing_to_train_in_it(build):
    network = build(use_crf=False)
    assert not any(weight.requires_grad or weight.any() for weight in network.crf.parameters())


def test_bfloat16_backbone_computes_its_adapters_in_bfloat16(build):
    network = build(dtype="bfloat16", unfreeze_layers=1)
    seen = set()
    for name, module in network.backbone.named_modules():
        if name.endswith((".lora_B.default", ".down_proj")):
            module.register_forward_hook(lambda _, args, output: seen.add(output.dtype))
    network.predict(BATCH, max_batch_pieces=100)
    assert seen == {torch.bfloat16}


def test_bfloat16_emissions_are_near_those_of_float32(build):
    narrow, wide = (
        build(dtype=dtype).predict(BATCH, max_batch_pieces=100) for dtype in ("bfloat16", "float32")
    )
    for one, two in zip(narrow, wide, strict=True):
        np.testing.assert_allclose(one, two, atol=0.05)


def test_all_weights_train_in_float32_on_a_bfloat16_backbone(build):
    network = build(dtype="bfloat16", freeze_backbone=False, peft=None)
    loss(network, drop=0.1).backward()
    assert {(w.dtype, w.grad.dtype) for w in network.parameters() if w.grad is not None} == {
        (torch.float32, torch.float32)
    }


def test_predict_fills_no_cache(build, monkeypatch):
    network = build()
    outputs = []
    network.trunk.register_forward_hook(lambda *args: outputs.append(args[2]))
    network.predict(BATCH, max_batch_pieces=100)
    assert all(output.past_key_values is None for output in outputs)
    assert outputs
