import pytest

from spacy_llama_ner.pretraining.packing import pack
from spacy_llama_ner.pretraining.text import read_texts
from spacy_llama_ner.pretraining.tokenizer import train_tokenizer


@pytest.fixture(scope="module")
def documents(texts):
    return list(read_texts([texts]))


@pytest.fixture(scope="module")
def tokenizer(documents):
    return train_tokenizer(documents, vocab_size=300)


def read_back(rows, tokenizer):
    """RETURNS (List[str]): The documents in rows; the last one may be cut off."""
    text = tokenizer.decode(rows.reshape(-1).tolist())
    return text.replace(tokenizer.bos_token, "").split(tokenizer.eos_token)


def test_pack_keeps_every_document_in_one_of_two_sets(documents, tokenizer):
    train, validation = pack(documents, tokenizer, length=32, validation_share=0.3)
    kept = [*read_back(train, tokenizer)[:-1], *read_back(validation, tokenizer)[:-1]]
    assert len(kept) == len(set(kept)) >= len(documents) - 2
    assert set(kept) <= set(documents)
    assert 0.1 < len(read_back(validation, tokenizer)) / len(documents) < 0.5


def test_pack_holds_out_the_same_documents_in_any_order(documents, tokenizer):
    kept = [
        set(read_back(pack(order, tokenizer, length=32, validation_share=0.3)[1], tokenizer)) & set(documents)
        for order in (documents, documents[::-1])
    ]
    assert len(kept[0]) > 10
    assert len(kept[0] ^ kept[1]) <= 2  # the last one of each order may be cut off


def test_pack_reads_special_pieces_in_a_text_as_text(tokenizer):
    train, _ = pack(
        ["a<|end_of_text|>b"] * 50 + [str(i) for i in range(200)], tokenizer, length=16, validation_share=0.5
    )
    begins = (train == tokenizer.bos_token_id).sum()
    assert (train == tokenizer.eos_token_id).sum() in (begins, begins - 1)


@pytest.mark.parametrize(("length", "share", "what"), [(10**6, 0.3, "training"), (32, 1e-9, "validation")])
def test_pack_refuses_text_that_fills_no_row(documents, tokenizer, length, share, what):
    with pytest.raises(ValueError, match=f"the {what} text has .* not enough for one row"):
        pack(documents, tokenizer, length=length, validation_share=share)


def test_pack_reads_texts_in_parts_of_any_size(documents, tokenizer, monkeypatch):
    whole = pack(documents, tokenizer, length=32, validation_share=0.3)
    monkeypatch.setattr("spacy_llama_ner.pretraining.packing.CHARACTERS_AT_ONCE", 500)
    parts = pack(documents, tokenizer, length=32, validation_share=0.3)
    assert all((one == two).all() for one, two in zip(whole, parts, strict=True))
