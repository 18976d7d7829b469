"""Plots."""

import pytest

from spacy_llama_ner.report.curves import LearningCurves
from spacy_llama_ner.report.plots import (
    largest_share,
    plot_coverage,
    plot_factor,
    plot_losses,
    plot_reliability,
)

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


def test_plot_losses_writes_the_ticks_of_a_log_scale_as_numbers():
    terms = {term: [4.0, 2.0, 3.0] for term in ("cross_entropy", "crf", "label_smoothing")}
    svg = plot_losses(LearningCurves(steps=[0, 1, 2], terms=terms, evaluated=[2], f1=[0.5], seconds=4.0))
    assert ">$" not in svg


@pytest.mark.parametrize("plot", [plot_reliability, plot_coverage])
def test_plot_of_calibration_draws_one_curve_where_nothing_was_fitted(plot):
    before, after = measured(0.9), measured(0.8)
    assert ">calibrated<" in plot(before, after)
    assert ">calibrated<" not in plot(before, before)


def measured(score):
    point = {"coverage": 1.0, "precision": 0.8}
    return {
        "bins_equal_mass": [{"count": 5, "score": score, "precision": 0.8}],
        "precision_coverage": [point],
    }
