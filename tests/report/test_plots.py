"""Plots."""

from spacy_llama_ner.report.plots import largest_share, plot_factor

ROWS = [
    {
        "bucket": "US$_a^$",
        "gold": 4,
        "errors": {"boundary": 1, "label": 0, "boundary and label": 0, "missed": 1},
    },
    {"bucket": "LOC", "gold": 0, "errors": {"boundary": 0, "label": 0, "boundary and label": 0, "missed": 0}},
]


def test_plot_factor_takes_labels_as_they_are_and_leaves_empty_groups_out():
    svg = plot_factor("label", ROWS, most=50)
    assert "US$_a^$" in svg
    assert "LOC" not in svg


def test_largest_share_is_of_gold_entities_in_percent():
    assert largest_share([ROWS]) == 50
    assert largest_share([]) == 1
