import json

import pytest
from transformers import AutoTokenizer

from spacy_llama_ner.pretraining.model import Shape, load_llama, new_llama
from spacy_llama_ner.pretraining.tokenizer import add_mask, train_tokenizer
from tests.tiny_models import make_tiny_bert, make_tiny_llama


def test_new_llama_has_the_shape_asked_for():
    shape = Shape(vocab_size=300, hidden_size=32, intermediate_size=48, num_hidden_layers=2)
    config = new_llama(shape, train_tokenizer(["one two"] * 9, vocab_size=300)).config
    assert (config.hidden_size, config.intermediate_size, config.num_hidden_layers) == (32, 48, 2)
    assert config.tie_word_embeddings
    assert config.vocab_size % 64 == 0


def test_load_llama_grows_embeddings_and_keeps_the_old_ones(tmp_path):
    make_tiny_llama(tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    before = load_llama(tmp_path, tokenizer, row_length=32).get_input_embeddings().weight
    while len(tokenizer) <= len(before):
        tokenizer.add_tokens(f"<{len(tokenizer)}>")
    add_mask(tokenizer)
    after = load_llama(tmp_path, tokenizer, row_length=32).get_input_embeddings().weight
    assert len(after) >= len(tokenizer)
    assert (after[: len(before)] == before).all()


def test_load_llama_refuses_another_architecture(tmp_path):
    make_tiny_bert(tmp_path)
    with pytest.raises(ValueError, match="holds a bert"):
        load_llama(tmp_path, AutoTokenizer.from_pretrained(tmp_path), row_length=32)


def test_load_llama_refuses_embeddings_that_are_not_tied(tmp_path):
    make_tiny_llama(tmp_path)
    path = tmp_path / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"tie_word_embeddings": False}))
    with pytest.raises(ValueError, match="tie_word_embeddings False; expected a llama with tied embeddings"):
        load_llama(tmp_path, AutoTokenizer.from_pretrained(tmp_path), row_length=32)


def test_load_llama_refuses_rows_longer_than_its_windows(tmp_path):
    make_tiny_llama(tmp_path)
    with pytest.raises(ValueError, match="row_length 513 is more than the max_position_embeddings"):
        load_llama(tmp_path, AutoTokenizer.from_pretrained(tmp_path), row_length=513)
