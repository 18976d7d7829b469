"""Rows for the terminal and for Markdown."""

import pytest
from outcomes import make_example

from spacy_llama_ner.analysis.analyze import analyze
from spacy_llama_ner.analysis.markdown import write_markdown
from spacy_llama_ner.analysis.table import confusion_table, confusion_title, error_table, example_line, tables


@pytest.fixture(scope="module")
def result():
    # Correct: Ann. Boundary: New York. Missed: Bo.
    return analyze([make_example("Ann left New York with Bo", "PER O LOC I-LOC O PER", "PER O LOC O O O")])


def test_error_table_has_shares(result):
    rows = error_table(result).rows
    assert rows[0] == ("boundary", "1", "50.0")
    assert rows[-1] == ("all", "2", "")


def test_error_table_without_errors():
    rows = error_table(analyze([make_example("Ann", "PER", "PER")])).rows
    assert rows[0] == ("boundary", "0", "-")


def test_confusion_table_parts_boundary_errors_from_correct_ones(result):
    table = confusion_table(result["confusion"])
    assert table.header == ("", "LOC", "PER", "O")
    assert table.rows == [("LOC", "0 +1", "0", "0"), ("PER", "0", "1", "1"), ("O", "0", "0", "0")]


def test_tables_leave_unknown_factors_out(result):
    titles = [table.title for table in tables(result)]
    assert "Entity length, tokens" in titles
    assert "Name in training" not in titles


def test_tables_factor_in_percent(result):
    (table,) = [table for table in tables(result) if table.title == "Label"]
    assert table.rows == [
        ("LOC", "1", "0.0", "1", "0.0", "1", "0", "0", "0", "0"),
        ("PER", "2", "50.0", "1", "100.0", "0", "0", "0", "1", "0"),
    ]


@pytest.mark.parametrize(
    ("kind", "gold", "predicted", "expected"),
    [
        ("label", "ORG", "MISC", "label: ORG as MISC, 1,234"),
        ("boundary", "ORG", "ORG", "boundary: ORG, 1,234"),
        ("missed", "ORG", None, "missed: ORG, 1,234"),
        ("spurious", None, "ORG", "spurious: ORG, 1,234"),
    ],
)
def test_confusion_title_names_labels(kind, gold, predicted, expected):
    assert confusion_title({"class": kind, "gold": gold, "predicted": predicted, "count": 1234}) == expected


@pytest.mark.parametrize(
    ("gold", "predicted", "score", "expected"),
    [
        ("Oslo", "Oslo", 0.987, "Oslo (0.99)"),
        ("New York", "York", None, "New York | York"),
        ("Bo", None, None, "Bo | -"),
        (None, "Sunday", 0.5, "- | Sunday (0.50)"),
    ],
)
def test_example_line_shows_both(gold, predicted, score, expected):
    assert example_line({"gold": gold, "predicted": predicted, "score": score}) == expected


def test_write_markdown_has_tables_confusions_and_advice(result):
    text = write_markdown({"model": "my_model", "corpus": "test.spacy", **result})
    assert "Pipeline my_model on test.spacy." in text
    assert "| boundary | 1 | 50.0 |" in text
    assert "### boundary: LOC, 1\n\n- New York \\| New: Ann left New York with Bo" in text
    assert text.endswith("## Advice\n\nNothing stands out.\n")


def test_write_markdown_escapes_the_corpus():
    gold = make_example("<b>|*Ann* left", "PER O", "O O")
    text = write_markdown(analyze([gold]))
    assert "\\<b\\>\\|\\*Ann\\*" in text
    assert "<b>" not in text


def test_write_markdown_writes_advice(result):
    advice = {"rule": "weak label X", "finding": "Found.", "reason": "Reason.", "try": "This."}
    text = write_markdown({**result, "advice": [advice]})
    assert "### weak label X\n\nFound.\n\nLikely: Reason.\n\nTry: This.\n" in text
