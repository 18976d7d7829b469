"""Rows of the terminal's tables."""

from spacy_llama_ner.evaluation.entity_table import entity_rows
from spacy_llama_ner.evaluation.table import percent, score_rows, summary_rows

LABEL = {"precision": 0.5, "recall": 1.0, "f1": 2 / 3, "gold": 1, "predicted": 2}
RESULT = {
    "counts": {"docs": 1, "sentences": 2, "tokens": 51362, "gold_entities": 1, "predicted_entities": 2},
    "seqeval": {"accuracy": 0.98765, **LABEL, "per_label": {"PER": LABEL}},
    "words_per_second": 1234.5,
}


def test_score_rows_in_percent_with_counts():
    assert score_rows(RESULT) == [
        ("PER", "50.00", "100.00", "66.67", "1", "2"),
        ("all", "50.00", "100.00", "66.67", "1", "2"),
    ]


def test_summary_rows_has_sizes_and_speed():
    assert summary_rows(RESULT) == [
        ("token accuracy", "98.77"),
        ("docs", "1"),
        ("sentences", "2"),
        ("tokens", "51,362"),
        ("words per second", "1,234"),
    ]


def test_summary_rows_without_speed():
    result = {key: value for key, value in RESULT.items() if key != "words_per_second"}
    assert "words per second" not in dict(summary_rows(result))


def test_percent_rounds():
    assert percent(0.12345) == "12.35"


def test_entity_rows_unknown_score_is_no_number():
    assert entity_rows([("Oslo", "LOC", 0.98765), ("Ann", "PER", None), ("Bo", "PER", 0.0)]) == [
        ("Oslo", "LOC", "0.988"),
        ("Ann", "PER", "-"),
        ("Bo", "PER", "0.000"),
    ]
