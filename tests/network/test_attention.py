import pytest
import torch
from transformers import AutoModel, BloomConfig, BloomModel

from spacy_llama_ner.network.adapters import add_lora
from spacy_llama_ner.network.attention import BIDIRECTIONAL, sees_ahead, set_attention
from spacy_llama_ner.network.backbone import load_trunk
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


def test_attention_canary_sees_padding_that_leaks(tiny_llama):
    trunk = load_trunk(str(tiny_llama))
    set_attention(trunk, "bidirectional")
    forward = trunk.forward
    trunk.forward = lambda input_ids, attention_mask: forward(
        input_ids=input_ids, attention_mask=torch.ones_like(attention_mask)
    )
    with pytest.raises(ValueError, match="padding leaks"):
        set_attention(trunk, "bidirectional")
