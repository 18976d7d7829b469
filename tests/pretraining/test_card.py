import pytest
from transformers import LlamaConfig

from spacy_llama_ner.pretraining.card import check_about, format_card

FACTS = {
    "command": "python -m spacy_llama_ner pretrain a.jsonl",
    "settings": {
        "init_from": None,
        "row_length": 64,
        "schedule": {
            "masked_share": 0.0,
            "batch_rows": 4,
            "epochs": 0.5,
            "weight_decay": 0.1,
            "learn_rate": 0.002,
        },
    },
    "parameters": 1234,
    "pieces_in_text": {"train": 5000, "validation": 640},
    "warmup_steps": 3,
    "steps": 6,
    "pieces": 1536,
    "validation_loss": 4.25,
}


def test_format_card_needs_nothing_that_no_program_knows():
    card = format_card(LlamaConfig(), FACTS, {})
    assert "4.250 nats a piece, on 640 pieces" in card
    assert "warm-up of 3 steps" in card
    assert "masked" not in card
    assert "None" not in card


def test_format_card_keeps_a_text_in_its_cell():
    card = format_card(LlamaConfig(), FACTS, {"data": "one |\ntwo"})
    assert "| Data | one \\| two |" in card


@pytest.mark.parametrize(
    ("about", "message"), [([], "expected an object of texts"), ({"name": 3}, "expected an object")]
)
def test_check_about_refuses_other_values(about, message):
    with pytest.raises(ValueError, match=message):
        check_about(about)


def test_check_about_names_unknown_keys():
    with pytest.raises(ValueError, match="unknown licence; expected some of name"):
        check_about({"licence": "MIT"})
