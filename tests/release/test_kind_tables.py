from spacy_llama_ner.release.kind_tables import cost_table

COSTS = {
    "total": 12_340_000,
    "tokenizer": 500_000,
    "load_seconds": 1.26,
    "peak_bytes": 1_500_000_000,
    "words": 3000,
    "predict_seconds": 2.0,
    "f1": None,
}


def test_cost_table_has_a_column_for_each_pipeline():
    table = cost_table({"original": COSTS, "light": {**COSTS, "total": 2_000_000}})
    assert list(table.header) == ["", "original", "light"]
    assert [list(row) for row in table.rows] == [
        ["on disk, MB", "12.3", "2.0"],
        ["of that the tokenizer, MB", "0.5", "0.5"],
        ["load, s", "1.3", "1.3"],
        ["peak memory, MB", "1,500.0", "1,500.0"],
        ["words per second", "1,500", "1,500"],
    ]


def test_cost_table_has_f1_where_a_corpus_was_read():
    assert list(cost_table({"one": {**COSTS, "f1": 0.5}}).rows[-1]) == ["F1, percent", "50.00"]


def test_cost_table_without_a_peak():
    assert ["peak memory, MB", "-"] in [
        list(row) for row in cost_table({"one": {**COSTS, "peak_bytes": None}}).rows
    ]
