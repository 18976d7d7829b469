from spacy_llama_ner.calibration.tables import calibration_tables

BEFORE = {
    "entities": 1200,
    "unscored": 0,
    "ece": 0.1,
    "ece_by_chance": {"mean": 0.02, "high": 0.03},
    "ece_equal_mass": 0.11,
    "mce": 0.5,
    "mean_score": 0.9,
    "precision": 0.8,
    "f1": 0.75,
    "brier": 0.125,
    "nll": 0.4,
    "auroc": 0.85,
}
AFTER = {**BEFORE, "ece": 0.025, "unscored": 3}


def test_calibration_tables_have_a_column_for_each_measurement():
    corpus = {"before": BEFORE, "after": AFTER}
    (table,) = calibration_tables({"temperature": 1.5, "dev": corpus, "test": corpus})
    assert table.header == ("", "dev, before", "dev, after", "test, before", "test, after")
    rows = {row[0]: row[1:] for row in table.rows}
    assert rows["expected calibration error"] == ("10.00", "2.50", "10.00", "2.50")
    assert rows["at most, if calibrated"] == ("3.00",) * 4
    assert rows["F1"] == ("75.00",) * 4
    assert rows["Brier score"] == ("0.1250",) * 4
    assert rows["entities"] == ("1,200",) * 4


def test_calibration_tables_name_the_temperature_and_what_was_left_out():
    (table,) = calibration_tables({"temperature": 1.5, "dev": {"before": BEFORE, "after": AFTER}})
    assert table.notes[0].startswith("Temperature 1.500, fitted on dev.")
    assert table.notes[-1] == "dev: 3 predicted entities without a score are left out."


def test_calibration_tables_show_what_is_unknown_as_a_dash():
    unknown = {**dict.fromkeys(BEFORE), "entities": 0, "unscored": 0}
    (table,) = calibration_tables({"temperature": 1.5, "dev": {"before": unknown, "after": unknown}})
    assert {row[1] for row in table.rows[:-1]} == {"-"}


def test_calibration_tables_do_not_speak_of_a_fit_that_was_none():
    (table,) = calibration_tables(
        {
            "temperature": 1.0,
            "warning": "Too few. The temperature stays 1.",
            "dev": {"before": BEFORE, "after": BEFORE},
        }
    )
    assert table.notes[0] == "Too few. The temperature stays 1."
    assert not any("fitted" in note for note in table.notes)
