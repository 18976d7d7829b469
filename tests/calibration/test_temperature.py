import logging

import numpy as np
import pytest
from scipy.special import expit

from spacy_llama_ner.calibration.reliability import log_loss
from spacy_llama_ner.calibration.temperature import fit_temperature


def make_scores(temperature, n=100_000, *, seed=0):
    """Draw right or wrong from true log-odds, and give a model whose log-odds are these times the temperature."""
    rng = np.random.default_rng(seed)
    odds = rng.normal(1, 2, size=n)
    right = rng.random(n) < expit(odds)
    return lambda t: expit(odds * temperature / t), right


@pytest.mark.parametrize("temperature", [0.4, 1.0, 2.5])
def test_fit_temperature_recovers_the_true_one(temperature):
    scores_at, right = make_scores(temperature)
    assert fit_temperature(scores_at, right) == pytest.approx(temperature, rel=0.03)


def test_fit_temperature_finds_the_best_of_a_grid():
    scores_at, right = make_scores(2.0, 500)
    best = min(np.geomspace(0.05, 20, 4000), key=lambda t: log_loss(scores_at(t), right))
    assert fit_temperature(scores_at, right) == pytest.approx(best, rel=5e-3)


def test_fit_temperature_is_one_where_nothing_is_better():
    right = np.arange(100) % 2 == 0
    assert fit_temperature(lambda t: np.full(100, 0.5), right) == 1.0


@pytest.mark.parametrize(("true", "bound"), [(1e-4, 0.05), (1e4, 20)])
def test_fit_temperature_warns_at_the_edge_of_its_range(caplog, true, bound):
    scores_at, right = make_scores(true, 1000)
    with caplog.at_level(logging.WARNING, logger="spacy_llama_ner"):
        assert fit_temperature(scores_at, right) == pytest.approx(bound, rel=0.01)
    assert "at the edge of the range from 0.05 to 20" in caplog.text


def test_fit_temperature_within_its_range_does_not_warn(caplog):
    scores_at, right = make_scores(2.0, 1000)
    fit_temperature(scores_at, right)
    assert not caplog.records


@pytest.mark.parametrize(
    ("right", "message"),
    [
        (np.arange(49) % 2 == 0, "predicts 49 entities, which is too few .*at least 50"),
        (np.ones(50, dtype=bool), "All 50 predicted entities are right"),
        (np.zeros(50, dtype=bool), "All 50 predicted entities are wrong"),
    ],
)
def test_fit_temperature_refuses_what_says_nothing(right, message):
    with pytest.raises(ValueError, match=message):
        fit_temperature(lambda t: np.full(len(right), 0.5), right)
