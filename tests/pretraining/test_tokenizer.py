import pytest

from spacy_llama_ner.network.backbone import load_tokenizer
from spacy_llama_ner.pretraining.text import read_texts
from spacy_llama_ner.pretraining.tokenizer import BEGIN, MASK, add_mask, train_tokenizer
from tests.tiny_models import make_tiny_llama

HARD = "Ünïcode\t12345  don't — 東京 \U0001f600\n\n <|begin_of_text|>"


@pytest.fixture(scope="module")
def tokenizer(texts):
    return train_tokenizer(read_texts([texts]), vocab_size=300)


def test_train_tokenizer_loses_no_byte(tokenizer):
    ids = tokenizer(HARD, add_special_tokens=False).input_ids
    assert tokenizer.decode(ids) == HARD


def test_train_tokenizer_puts_the_begin_piece_in_front(tokenizer):
    assert tokenizer.convert_ids_to_tokens(tokenizer("Oslo").input_ids)[0] == BEGIN


def test_train_tokenizer_splits_digits_by_three_as_llama_3(tokenizer):
    pieces = tokenizer.backend_tokenizer.pre_tokenizer.pre_tokenize_str("12345 don't")
    assert [piece for piece, _ in pieces] == ["123", "45", "Ġdon", "'t"]


def test_train_tokenizer_learns_frequent_words(tokenizer):
    assert len(tokenizer(" council", add_special_tokens=False).input_ids) == 1


def test_train_tokenizer_has_the_size_asked_for(tokenizer):
    assert len(tokenizer) == 300


def test_train_tokenizer_is_loaded_as_a_backbones(tokenizer, tmp_path):
    tokenizer.save_pretrained(tmp_path)
    loaded = load_tokenizer(str(tmp_path))
    assert loaded.mask_token == MASK
    assert loaded("two boats").input_ids == tokenizer("two boats").input_ids


def test_train_tokenizer_refuses_a_vocabulary_without_room_for_bytes(texts):
    with pytest.raises(ValueError, match="vocab_size is 259; expected at least 260"):
        train_tokenizer(["a"], vocab_size=259)


def test_add_mask_adds_one_piece_once(tmp_path):
    tokenizer = load_tokenizer(str(make_tiny_llama(tmp_path)))
    size = len(tokenizer)
    add_mask(tokenizer)
    add_mask(tokenizer)
    assert (tokenizer.mask_token_id, len(tokenizer)) == (size, size + 1)
