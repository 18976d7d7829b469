"""Tables that the terminal and Markdown share."""

import pytest
from ruler import make_gold, make_ruler

from spacy_llama_ner.evaluation.pipeline import evaluate_pipeline
from spacy_llama_ner.evaluation.tables import (
    Table,
    comparison_tables,
    escape_markdown,
    evaluation_tables,
    to_markdown,
)

PAIR = {
    "first": 1,
    "second": 2,
    "difference": -0.0123,
    "p": 0.04321,
    "docs_that_differ": 1234,
    "shuffles": 10_000,
    "method": "approximate randomization",
    "seed": 0,
}


def evaluate_ruler(docs=2, **options):
    nlp = make_ruler()
    gold = [make_gold(nlp, [("Lisbon met Oslo .", ["B-LOC", "O", "B-LOC", "O"])]) for _ in range(docs)]
    result, _ = evaluate_pipeline(nlp, gold, batch_size=2, **options)
    return {"model": "ruler", **result, "words_per_second": 1234.5}


def titled(tables):
    return {table.title.split(",")[0]: table for table in tables}


def test_evaluation_tables_shows_intervals_beside_counts():
    table = titled(evaluation_tables(evaluate_ruler()))["Entities"]
    assert table.header == ("", "P", "R", "F1", "95% of F1", "gold", "predicted")
    assert table.rows[0] == ("LOC", "100.00", "50.00", "66.67", "66.67-66.67", "4", "2")
    assert table.rows[-1][0] == "all"
    assert "precision 100.00-100.00, recall 50.00-50.00" in table.notes[0]
    assert "resamples of the 2 docs" in table.notes[1]


def test_evaluation_tables_without_intervals_says_why():
    table = titled(evaluation_tables(evaluate_ruler(docs=1)))["Entities"]
    assert table.rows[0][4] == "-"
    assert table.notes == ["No intervals: they need at least two docs to draw from."]


def test_evaluation_tables_shows_the_three_counts():
    table = titled(evaluation_tables(evaluate_ruler()))["Three ways to count"]
    assert [row[0] for row in table.rows] == ["seqeval, strict IOB2", "conlleval", "spaCy's scorer"]
    assert {row[1:] for row in table.rows} == {("100.00", "50.00", "66.67", "4", "2")}
    assert table.notes[0].startswith("All three count the same")


def test_evaluation_tables_shows_what_is_lost():
    rows = titled(evaluation_tables(evaluate_ruler()))["The same corpus in other forms"].rows
    assert [row[0] for row in rows] == ["as it is", "upper case", "lower case", "typos", "raw text"]
    assert rows[1][3:] == ("0.00", "66.67")
    assert rows[-1][3:] == ("66.67", "0.00")


def test_evaluation_tables_without_robustness_has_raw_text():
    rows = titled(evaluation_tables(evaluate_ruler(robustness=False)))["The same corpus in other forms"].rows
    assert [row[0] for row in rows] == ["as it is", "raw text"]


def test_evaluation_tables_shows_seen_names():
    result = evaluate_ruler(train={"Oslo": {"LOC"}})
    rows = titled(evaluation_tables(result))["Names seen in training"].rows
    assert rows == [
        ("seen in train", "0.00", "2", "-", "0"),
        ("seen with another label", "-", "0", "-", "0"),
        ("unseen", "100.00", "2", "100.00", "2"),
    ]


def test_comparison_tables_has_a_column_for_each():
    one, other = evaluate_ruler(robustness=False), {**evaluate_ruler(), "model": "other"}
    table, pairs = comparison_tables([one, other], [PAIR])
    rows = {row[0]: row[1:] for row in table.rows}
    assert table.header == ("", "1", "2")
    assert rows["F1"] == ("66.67 (66.67-66.67)",) * 2
    assert rows["F1 of LOC (gold 4)"] == rows["F1"]
    assert rows["F1, upper case"] == ("-", "0.00")
    assert rows["words per second"] == ("1,234", "1,234")
    assert table.notes[:2] == ["1 = ruler", "2 = other"]
    assert pairs.rows == [("1 - 2", "-1.23", "0.0432", "1,234")]
    assert "10,000 shuffles, seed 0" in pairs.notes[0]


def test_to_markdown_by_hand():
    table = Table("Scores", ("", "F1"), [("a|b", "1.00")], ["Read this."])
    assert to_markdown("Title", [table], notes=["First."]) == (
        "# Title\n\nFirst.\n\n## Scores\n\n|  | F1 |\n| --- | ---: |\n| a\\|b | 1.00 |\n\nRead this.\n"
    )


@pytest.mark.parametrize("options", [{}, {"robustness": False}, {"train": {}}])
def test_evaluation_tables_rows_fit_their_headers(options):
    for table in evaluation_tables(evaluate_ruler(**options)):
        assert {len(row) for row in table.rows} == {len(table.header)}


def test_to_markdown_keeps_cells_from_being_markup():
    text = to_markdown("T", [Table("t", ("", "F1"), [("<img src=x>", "[x](y)"), ("a|b", "1")])])
    assert "| \\<img src=x\\> | \\[x\\](y) |" in text
    assert "| a\\|b | 1 |" in text


def test_escape_markdown_leaves_underscores_inside_of_words():
    assert escape_markdown("llama_crf_ner _a_ b__c *d*") == "llama_crf_ner \\_a\\_ b\\_\\_c \\*d\\*"
