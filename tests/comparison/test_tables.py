"""Tables of a comparison and an ablation."""

from spacy_llama_ner.comparison.systems import SYSTEMS, TrainingSettings, describe_system
from spacy_llama_ner.comparison.tables import ablation_tables, compare_tables

UNKNOWN = dict.fromkeys(("words_per_second", "bytes", "training_seconds", "cost"))


def system(name, origin="pipeline", **known):
    return {
        "name": name,
        "origin": origin,
        "description": "as told",
        "f1": 0.5,
        "notes": [],
        **UNKNOWN,
        **known,
    }


def comparison(*systems, quoted=()):
    return {
        "corpus": {"test": "test.spacy", "docs": 2, "tokens": 1234, "entities": 3},
        "machine": {"gpu": None, "processor": "a processor", "threads": 1},
        "timing": {"rounds": 3, "most_words": 20000},
        "systems": list(systems),
        "quoted": list(quoted),
    }


def test_compare_tables_write_a_dash_for_what_is_not_known():
    (table,) = compare_tables(comparison(system("mine", per_label={"LOC": 0.0})))
    assert list(table.rows[0]) == ["mine", "50.00", "0.00", "-", "-", "-", ""]


def test_compare_tables_number_each_note_once():
    one = system("one", per_label={}, notes=["from its log", "big"])
    two = system("two", per_label={}, notes=["big"])
    (table,) = compare_tables(comparison(one, two))
    assert [row[-1] for row in table.rows] == ["1, 2", "2"]
    assert table.notes[:2] == ["1: from its log.", "2: big."]


def test_compare_tables_have_the_labels_of_all_systems():
    (table,) = compare_tables(
        comparison(system("a", per_label={"PER": 1.0}), system("b", per_label={"LOC": 0.25}))
    )
    assert table.header[2:4] == ("LOC", "PER")
    assert [row[2:4] for row in table.rows] == [("-", "100.00"), ("25.00", "-")]


def test_compare_tables_show_figures():
    full = system(
        "full",
        "trained here",
        per_label={},
        words_per_second=1234.6,
        bytes=15_830_000,
        training_seconds=0.5,
        cost=1.25,
    )
    (table,) = compare_tables(comparison(full))
    assert list(table.rows[0]) == ["full", "50.00", "1,235", "15.83", "0.50 s", "$1.25", "1"]
    assert table.notes[0] == "1: full: as told."


def test_compare_tables_keep_quoted_figures_apart():
    row = {"system": "theirs", "f1": 0.9, "source": "a paper", "note": None}
    measured, quoted = compare_tables(comparison(system("a", per_label={}), quoted=[row]))
    assert quoted.title.startswith("Quoted, not measured here")
    assert quoted.rows == [("theirs", "90.00", "a paper", "")]
    assert len(measured.rows) == 1


def test_ablation_tables_leave_out_axes_without_pairs():
    cells = {"causal, CRF, LoRA": {"mean": 0.5, "deviation": None, "n": 1, "seconds": 90.4}}
    nothing = {"first": "a", "second": "b", "mean": None, "deviation": None, "n": 0}
    something = {"first": "c", "second": "d", "mean": -0.015, "deviation": 0.01, "n": 2}
    result = {"cells": cells, "axes": {"x": nothing, "y": something}, "scored_on": "test", "dev": "dev"}
    first, second = ablation_tables(result)
    assert first.rows == [("causal, CRF, LoRA", "50.00", "-", "1", "90")]
    assert second.rows == [("c - d", "-1.50", "1.00", "2")]


def test_ablation_tables_of_nothing_are_none():
    assert ablation_tables({"cells": {}, "axes": {}, "scored_on": "test", "dev": "dev"}) == []


def test_describe_system_names_the_encoder_and_no_path_of_this_machine():
    settings = TrainingSettings("/home/ann/encoders/mini-bert", 3e-4, None, 0, -1)
    assert describe_system("bert_ner", settings).endswith("; encoders/mini-bert, learning rate 0.0003")
    assert describe_system("lookup", settings) == SYSTEMS["lookup"]
