import pytest
import torch
from transformers import (
    AutoModel,
    BloomConfig,
    BloomModel,
    Gemma2Config,
    Gemma2Model,
    GPT2Config,
    GPT2Model,
    OPTConfig,
    OPTModel,
)

from spacy_llama_ner.network import attention as attention_module
from spacy_llama_ner.network.adapters import add_lora
from spacy_llama_ner.network.attention import BIDIRECTIONAL, CAUSAL, set_attention
from spacy_llama_ner.network.backbone import load_trunk
from spacy_llama_ner.network.canary import check_flow, sees_ahead
from spacy_llama_ner.network.types import NetworkSettings


def states(trunk, ids, mask=None):
    ids = torch.tensor(ids)
    mask = torch.ones_like(ids) if mask is None else torch.tensor(mask)
    with torch.no_grad():
        return trunk(input_ids=ids, attention_mask=mask.bool()).last_hidden_state


def test_attention_bidirectional_lets_the_last_piece_reach_the_first(tiny_llama):
    trunk = load_trunk(str(tiny_llama))
    set_attention(trunk, "bidirectional")
    one, two = states(trunk, [[5, 6, 7, 8]]), states(trunk, [[5, 6, 7, 9]])
    assert (one[0, 0] - two[0, 0]).abs().max() > 1e-3


def test_attention_causal_keeps_the_last_piece_from_all_before(tiny_llama):
    trunk = load_trunk(str(tiny_llama))
    set_attention(trunk, "causal")
    one, two = states(trunk, [[5, 6, 7, 8]]), states(trunk, [[5, 6, 7, 9]])
    assert torch.equal(one[0, :3], two[0, :3])


def test_attention_causal_is_the_stock_model(tiny_llama):
    trunk = load_trunk(str(tiny_llama))
    set_attention(trunk, "causal")
    stock = AutoModel.from_pretrained(str(tiny_llama)).eval()
    assert torch.equal(states(trunk, [[5, 6, 7, 8]]), states(stock, [[5, 6, 7, 8]]))


@pytest.mark.parametrize("attention", ["causal", "bidirectional"])
def test_attention_padding_changes_nothing(tiny_llama, attention):
    trunk = load_trunk(str(tiny_llama))
    set_attention(trunk, attention)
    alone = states(trunk, [[5, 6, 7]])
    padded = states(trunk, [[5, 6, 7, 9, 9], [5, 6, 7, 8, 9]], [[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]])
    torch.testing.assert_close(padded[0, :3], alone[0], atol=1e-5, rtol=1e-5)


def test_attention_bidirectional_reaches_back_in_a_padded_batch(tiny_llama):
    trunk = load_trunk(str(tiny_llama))
    set_attention(trunk, "bidirectional")
    mask = [[1, 1, 1, 0], [1, 1, 1, 1]]
    one, two = (states(trunk, [[5, 6, last, 0], [5, 6, 7, 8]], mask) for last in (7, 9))
    assert (one[0, 0] - two[0, 0]).abs().max() > 1e-3


def test_attention_survives_adapters(tiny_llama):
    trunk = load_trunk(str(tiny_llama))
    set_attention(trunk, "bidirectional")
    wrapped = add_lora(trunk, NetworkSettings())
    one, two = states(wrapped, [[5, 6, 7, 8]]), states(wrapped, [[5, 6, 7, 9]])
    assert (one[0, 0] - two[0, 0]).abs().max() > 1e-3


def test_attention_of_an_encoder_is_bidirectional_as_it_is(tiny_bert):
    trunk = load_trunk(str(tiny_bert))
    set_attention(trunk, "bidirectional")
    assert sees_ahead(trunk)
    assert trunk.config._attn_implementation != BIDIRECTIONAL


def test_attention_causal_is_refused_for_an_encoder(tiny_bert):
    with pytest.raises(ValueError, match=r"sees ahead.*Set attention"):
        set_attention(load_trunk(str(tiny_bert)), "causal")


def test_attention_canary_stops_a_decoder_that_stays_causal():
    # Bloom builds its own masks, so the configured attention has no effect on it.
    config = BloomConfig(vocab_size=64, hidden_size=16, n_layer=1, n_head=2, initializer_range=0.2)
    with pytest.raises(ValueError, match="does not flow backwards"):
        set_attention(BloomModel(config).eval(), "bidirectional")


@pytest.mark.parametrize("kernel", ["sdpa", "eager"])
@pytest.mark.parametrize(
    ("kind", "config"),
    [
        (GPT2Model, GPT2Config(vocab_size=64, n_embd=16, n_layer=1, n_head=2)),
        (
            OPTModel,
            OPTConfig(vocab_size=64, hidden_size=16, ffn_dim=16, num_hidden_layers=1, num_attention_heads=2),
        ),
    ],
    ids=["gpt2", "opt"],
)
def test_attention_canary_stops_a_decoder_that_makes_its_own_masks(kind, config, kernel):
    trunk = kind._from_config(config, attn_implementation=kernel).eval()
    with pytest.raises(ValueError, match="does not flow backwards"):
        set_attention(trunk, "bidirectional")


def test_attention_canary_does_not_stumble_over_a_first_state_of_great_size(tiny_llama):
    trunk = load_trunk(str(tiny_llama))
    with torch.no_grad():  # the probe begins with piece 0; real Llamas make such a state by themselves
        trunk.embed_tokens.weight[0, 0] = 1e6
        trunk.norm.weight.fill_(1.0)
    trunk.norm.forward = lambda hidden: hidden  # it would hide the size
    set_attention(trunk, "bidirectional")


def test_attention_canary_sees_what_is_no_number(tiny_llama):
    trunk = load_trunk(str(tiny_llama))
    with torch.no_grad():
        trunk.norm.weight[0] = float("nan")
    with pytest.raises(ValueError, match="not numbers or infinite"):
        set_attention(trunk, "causal")


def test_attention_caps_logits_as_the_model_does():
    torch.manual_seed(0)
    config = Gemma2Config(
        vocab_size=64,
        hidden_size=32,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=8,
        attn_logit_softcapping=1.0,
        initializer_range=0.5,
    )
    trunk = Gemma2Model._from_config(config, attn_implementation="eager").eval()
    ids = torch.arange(12).unsqueeze(0)
    everything = torch.zeros(1, 1, 12, 12)
    with torch.no_grad():
        expected = trunk(
            input_ids=ids, attention_mask={"full_attention": everything, "sliding_attention": everything}
        ).last_hidden_state
    set_attention(trunk, "bidirectional")
    torch.testing.assert_close(states(trunk, ids.tolist()), expected, atol=1e-5, rtol=1e-5)


def test_attention_canary_sees_padding_that_leaks(tiny_llama):
    trunk = load_trunk(str(tiny_llama))
    set_attention(trunk, "bidirectional")
    forward = trunk.forward
    trunk.forward = lambda input_ids, attention_mask: forward(
        input_ids=input_ids, attention_mask=torch.ones_like(attention_mask)
    )
    with pytest.raises(ValueError, match="padding leaks"):
        set_attention(trunk, "bidirectional")


KERNELS = ["sdpa", "eager"]
PADDED = ([[5, 6, 7, 9, 9], [5, 6, 7, 8, 9]], [[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]])


def by_hand(trunk, ids, mask, causal_layers):
    """Run a stock Llama layer by layer, each with the additive mask that it should have."""
    ids, mask = torch.tensor(ids), torch.tensor(mask).bool()
    length = ids.shape[1]
    lower = torch.ones(length, length, dtype=torch.bool).tril()
    hidden = trunk.embed_tokens(ids)
    rotary = trunk.rotary_emb(hidden, torch.arange(length)[None])
    for number, layer in enumerate(trunk.layers):
        seen = mask[:, None, None, :] & (lower if number in causal_layers else torch.ones_like(lower))
        additive = torch.zeros(seen.shape).masked_fill(~seen, torch.finfo(torch.float32).min)
        hidden = layer(hidden, attention_mask=additive, position_embeddings=rotary)[0]
    return trunk.norm(hidden)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize(
    ("attention", "causal_layers"),
    [
        ("bidirectional[1:2]", {0}),
        ("bidirectional[:1]", {1}),
        ("bidirectional[-1:]", {0}),
        ("bidirectional", {}),
    ],
)
@torch.no_grad()
def test_attention_in_a_range_is_that_of_masks_made_by_hand(tiny_llama, attention, causal_layers, kernel):
    trunk = load_trunk(str(tiny_llama), attn_implementation=kernel)
    set_attention(trunk, attention)
    stock = AutoModel.from_pretrained(str(tiny_llama), attn_implementation="eager").eval()
    ids, mask = PADDED
    real = torch.tensor(mask).bool()
    torch.testing.assert_close(
        states(trunk, ids, mask)[real], by_hand(stock, ids, mask, causal_layers)[real], atol=1e-5, rtol=1e-5
    )
    alone = states(trunk, ids[1:])
    torch.testing.assert_close(alone, by_hand(stock, ids[1:], mask[1:], causal_layers), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("attention", ["causal", "bidirectional", "bidirectional[1:2]"])
def test_attention_kernels_agree(tiny_llama, attention):
    one, two = (load_trunk(str(tiny_llama), attn_implementation=kernel) for kernel in KERNELS)
    set_attention(one, attention)
    set_attention(two, attention)
    real = torch.tensor(PADDED[1]).bool()
    torch.testing.assert_close(states(one, *PADDED)[real], states(two, *PADDED)[real], atol=1e-5, rtol=1e-5)


def test_attention_in_a_range_without_a_layer_is_refused(tiny_llama):
    with pytest.raises(ValueError, match=r"\[8:16\]\" selects none of the backbone's 2 layers, 0 to 1"):
        set_attention(load_trunk(str(tiny_llama)), "bidirectional[8:16]")


def test_attention_in_a_range_is_refused_for_an_encoder(tiny_bert):
    with pytest.raises(ValueError, match=r"bidirectional\[0:1\].*sees ahead.*Set attention"):
        set_attention(load_trunk(str(tiny_bert)), "bidirectional[0:1]")


@pytest.mark.parametrize(("layer", "flow"), [(0, "does not see ahead"), (1, "sees ahead")])
def test_attention_canary_names_a_layer_that_is_not_as_configured(tiny_llama, layer, flow):
    trunk = load_trunk(str(tiny_llama))
    set_attention(trunk, "bidirectional[0:1]")
    module = trunk.layers[layer].self_attn
    setattr(module, CAUSAL, not getattr(module, CAUSAL))
    with pytest.raises(ValueError, match=f"layer {layer} of the backbone .llama. {flow}"):
        check_flow(trunk, range(1))


def test_attention_canary_sees_a_layer_that_is_wrong_in_padded_batches_only(tiny_llama, monkeypatch):
    trunk = load_trunk(str(tiny_llama))
    set_attention(trunk, "bidirectional[0:1]")
    # The second layer gets the mask of the first: causal without a mask, bidirectional with one.
    monkeypatch.setattr(attention_module, "_square", lambda padding: padding[:, None, None, :])
    with pytest.raises(ValueError, match=r"layer 1 .*sees ahead in a padded batch"):
        check_flow(trunk, range(1))


def test_flash_attention_is_told_who_sees_whom(tiny_llama, monkeypatch):
    # The kernel itself runs on CUDA only; here it is replaced by one that looks at what it is given.
    given = []

    def kernel(query, key, value, mask, *, query_length, is_causal, **options):
        given.append((tuple(query.shape), mask is None or tuple(mask.shape), query_length, is_causal))
        assert options["attn_implementation"] == "flash_attention_2"
        return query

    monkeypatch.setattr(attention_module, "_flash_attention_forward", kernel)
    trunk = load_trunk(str(tiny_llama))
    set_attention(trunk, "bidirectional[1:2]")
    trunk.config._attn_implementation = f"{BIDIRECTIONAL}_flash_attention_2"
    states(trunk, *PADDED)
    states(trunk, [[5, 6, 7]])
    assert given == [
        ((2, 5, 4, 8), (2, 5), 5, True),
        ((2, 5, 4, 8), (2, 5), 5, False),
        ((1, 3, 4, 8), True, 3, True),
        ((1, 3, 4, 8), True, 3, False),
    ]


@pytest.mark.parametrize(
    ("attention", "count"), [("causal", 5), ("bidirectional", 7), ("bidirectional[1:2]", 7)]
)
def test_attention_canary_asks_each_question_once(tiny_llama, attention, count):
    trunk = load_trunk(str(tiny_llama))
    shapes = []
    handle = trunk.register_forward_pre_hook(
        lambda _, args, kwargs: shapes.append(tuple(kwargs["input_ids"].shape)), with_kwargs=True
    )
    set_attention(trunk, attention)
    handle.remove()
    assert len(shapes) == count
    assert {(1, 8), (2, 8), (4, 12)} == set(shapes)  # alone, a full batch, a padded one
    hooks = [module._forward_hooks or module._forward_pre_hooks for module in trunk.modules()]
    assert not any(hooks)


@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("attention", ["causal", "bidirectional", "bidirectional[0:1]"])
def test_attention_canary_sees_a_layer_that_is_wrong_in_batches_of_one_kind(
    tiny_llama, monkeypatch, attention, padded
):
    """Turn around the second layer, in a padded batch alone or in any other."""
    trunk = load_trunk(str(tiny_llama))
    set_attention(trunk, "bidirectional")  # by this package's kernel, whose masks have two dimensions
    ahead = {"causal": (), "bidirectional": (0, 1), "bidirectional[0:1]": (0,)}[attention]
    for number, layer in enumerate(trunk.layers):
        setattr(layer.self_attn, CAUSAL, number not in ahead)
    check_flow(trunk, ahead)
    forward = trunk.layers[1].self_attn.forward

    def turned(*args, attention_mask=None, **kwargs):
        module = trunk.layers[1].self_attn
        right = getattr(module, CAUSAL)
        setattr(module, CAUSAL, right != ((attention_mask is not None) == padded))
        output = forward(*args, attention_mask=attention_mask, **kwargs)
        setattr(module, CAUSAL, right)
        return output

    monkeypatch.setattr(trunk.layers[1].self_attn, "forward", turned)
    with pytest.raises(ValueError, match=r"attention: (layer 1 .*ahead|information flows differently)"):
        check_flow(trunk, ahead)


def test_attention_canary_sees_padding_that_leaks_in_one_layer(tiny_llama, monkeypatch):
    trunk = load_trunk(str(tiny_llama))
    set_attention(trunk, "bidirectional")
    forward = trunk.layers[1].self_attn.forward
    monkeypatch.setattr(
        trunk.layers[1].self_attn,
        "forward",
        lambda *args, attention_mask=None, **kwargs: forward(*args, attention_mask=None, **kwargs),
    )
    with pytest.raises(ValueError, match="padding leaks"):
        check_flow(trunk, range(2))


def test_attention_canary_sees_padding_that_leaks_in_an_encoder(tiny_bert):
    trunk = load_trunk(str(tiny_bert))
    forward = trunk.forward
    trunk.forward = lambda input_ids, attention_mask: forward(
        input_ids=input_ids, attention_mask=torch.ones_like(attention_mask)
    )
    with pytest.raises(ValueError, match="padding leaks"):
        set_attention(trunk, "bidirectional")
