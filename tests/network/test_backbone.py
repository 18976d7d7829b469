import shutil
from types import SimpleNamespace
from unittest.mock import MagicMock

import pytest
import torch
from transformers import MistralConfig, MistralModel, RobertaConfig, RobertaModel, T5Config, T5Model

from spacy_llama_ner.network import backbone
from spacy_llama_ner.network.adapters import add_lora
from spacy_llama_ner.network.attention import set_attention
from spacy_llama_ner.network.backbone import (
    fingerprint,
    load_tokenizer,
    load_trunk,
    longest_window,
    special_pieces,
)
from spacy_llama_ner.network.types import NetworkSettings


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_load_trunk_has_the_asked_dtype(tiny_llama, dtype):
    assert load_trunk(str(tiny_llama), dtype=dtype).dtype == getattr(torch, dtype)


def test_load_trunk_has_no_language_model_head(tiny_llama):
    assert not any("lm_head" in name for name, _ in load_trunk(str(tiny_llama)).named_parameters())


def test_load_trunk_names_what_is_missing_in_a_folder(tmp_path):
    with pytest.raises(ValueError, match=r"cannot load the backbone .*it needs config.json"):
        load_trunk(str(tmp_path))


@pytest.mark.parametrize("name", ["/no/such/folder", "./folder", "a/b/c"])
def test_load_trunk_does_not_look_for_a_path_on_the_hub(name):
    with pytest.raises(ValueError, match=r"cannot load the backbone .*no such folder"):
        load_trunk(name)


def test_load_trunk_names_a_cut_weights_file(tiny_llama, tmp_path):
    folder = tmp_path / "cut"
    shutil.copytree(tiny_llama, folder)
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(ValueError, match=r"cannot load the backbone .*cut"):
        load_trunk(str(folder))


def test_load_trunk_refuses_an_encoder_decoder(tmp_path):
    config = T5Config(vocab_size=32, d_model=8, d_kv=4, d_ff=8, num_layers=1, num_heads=2)
    T5Model(config).save_pretrained(str(tmp_path))
    with pytest.raises(ValueError, match="is an encoder-decoder"):
        load_trunk(str(tmp_path))


def test_load_tokenizer_names_what_is_missing(tmp_path):
    with pytest.raises(ValueError, match="cannot load the tokenizer"):
        load_tokenizer(str(tmp_path))


def test_load_tokenizer_refuses_offsets_of_length_zero(monkeypatch, tmp_path):
    # As some versions of `tokenizers` gave for Llama 3; no current one does, so it is played here.
    backend = MagicMock()
    backend.encode.return_value.offsets = [(0, 0), (2, 2)]
    tokenizer = SimpleNamespace(is_fast=True, backend_tokenizer=backend)
    monkeypatch.setattr(backbone.AutoTokenizer, "from_pretrained", lambda *args, **kwargs: tokenizer)
    with pytest.raises(ValueError, match="offsets of length 0"):
        load_tokenizer(str(tmp_path))


def test_load_tokenizer_refuses_a_slow_one(monkeypatch, tmp_path):
    tokenizer = SimpleNamespace(is_fast=False)
    monkeypatch.setattr(backbone.AutoTokenizer, "from_pretrained", lambda *args, **kwargs: tokenizer)
    with pytest.raises(ValueError, match="has no fast version"):
        load_tokenizer(str(tmp_path))


def test_tokenizer_reads_special_pieces_in_a_text_as_text(tiny_llama):
    tokenizer = load_tokenizer(str(tiny_llama))
    ids = tokenizer.backend_tokenizer.encode("<|begin_of_text|>", add_special_tokens=False).ids
    assert tokenizer.bos_token_id not in ids


def test_tokenizer_cuts_nothing(tiny_bert):
    tokenizer = load_tokenizer(str(tiny_bert))
    assert len(tokenizer.backend_tokenizer.encode("berlin " * 500).ids) == 502


def test_special_pieces_of_a_llama_and_a_bert(tiny_llama, tiny_bert):
    assert special_pieces(load_tokenizer(str(tiny_llama))) == ([0], [])
    assert special_pieces(load_tokenizer(str(tiny_bert))) == ([2], [3])


def test_longest_window_is_the_smallest_limit(tiny_bert):
    trunk, tokenizer = load_trunk(str(tiny_bert)), load_tokenizer(str(tiny_bert))
    assert longest_window(trunk, tokenizer, 512) == 64
    assert longest_window(trunk, tokenizer, 32) == 32


def test_fingerprint_is_the_same_for_other_files_shards_and_dtype(tiny_llama, tmp_path):
    reference = fingerprint(load_trunk(str(tiny_llama), dtype="bfloat16"))
    sharded = tmp_path / "sharded"
    load_trunk(str(tiny_llama)).save_pretrained(str(sharded), max_shard_size="20KB")
    shutil.copy(tiny_llama / "tokenizer.json", sharded)
    assert len(list(sharded.glob("*.safetensors"))) > 1
    assert fingerprint(load_trunk(str(sharded), dtype="float32")) == reference


def test_fingerprint_changes_with_one_trained_tensor(tiny_llama):
    trunk = load_trunk(str(tiny_llama))
    before = fingerprint(trunk)
    with torch.no_grad():
        trunk.layers[1].mlp.up_proj.weight.mul_(1.01)
    assert fingerprint(trunk) != before


def test_fingerprint_leaves_adapters_out(tiny_llama):
    trunk = load_trunk(str(tiny_llama))
    before = fingerprint(trunk)
    wrapped = add_lora(trunk, NetworkSettings())
    assert fingerprint(wrapped.get_base_model()) == before


@pytest.mark.parametrize(("attention", "longest"), [("bidirectional", 16), ("causal", 64)])
def test_longest_window_of_a_bidirectional_decoder_is_that_which_it_slides(tiny_llama, attention, longest):
    config = MistralConfig(
        vocab_size=320,
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=2,
        sliding_window=16,
        initializer_range=0.5,
    )
    trunk = MistralModel(config).eval()
    set_attention(trunk, attention)
    assert longest_window(trunk, load_tokenizer(str(tiny_llama)), 64) == longest


def test_longest_window_of_a_roberta_leaves_out_the_positions_before_its_first(tmp_path, tiny_bert):
    config = RobertaConfig(
        vocab_size=32, hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=2
    )
    config.max_position_embeddings, config.pad_token_id = 34, 1
    trunk, tokenizer = RobertaModel(config).eval(), load_tokenizer(str(tiny_bert))
    longest = longest_window(trunk, tokenizer, 512)
    assert longest == 32
    trunk(input_ids=torch.full((1, longest), 5))
    with pytest.raises(IndexError):
        trunk(input_ids=torch.full((1, longest + 1), 5))


def test_backbone_loads_without_the_import_of_every_model(tiny_llama, tiny_bert, monkeypatch):
    monkeypatch.delattr(type(backbone.MODEL_MAPPING), "keys")  # AutoModel's way to look for one
    assert type(load_trunk(str(tiny_llama))).__name__ == "LlamaModel"
    assert type(load_trunk(str(tiny_bert))).__name__ == "BertModel"
