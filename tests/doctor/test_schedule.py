"""Steps and hours."""

import pytest

from spacy_llama_ner.doctor.schedule import count_steps, duration, estimate_time

TRAINING = {"max_epochs": 100, "max_steps": 0, "eval_frequency": 1756, "patience": 0}


@pytest.mark.parametrize(
    ("max_epochs", "max_steps", "per_epoch", "steps"),
    [
        (100, 0, 1756, 175_600),
        (100, 5_000, 1756, 5_000),
        (2, 5_000, 10, 20),
        (0, 5_000, None, 5_000),
        (-1, 5_000, None, 5_000),
        (0, 0, 10, None),
        (5, 0, None, None),
        (5, 300, None, 300),
    ],
)
def test_count_steps(max_epochs, max_steps, per_epoch, steps):
    assert count_steps({**TRAINING, "max_epochs": max_epochs, "max_steps": max_steps}, per_epoch) == steps


def test_estimate_time_adds_steps_and_evaluations():
    check = estimate_time(
        TRAINING, steps_per_epoch=1756, step_seconds=0.1, dev_words=50_000, words_per_second=5_000
    )
    # 175,600 steps of 0.1 s, 101 evaluations (one before all steps) of 10 s
    assert check.figures["hours"] == pytest.approx((17_560 + 1_010) / 3600)
    assert check.found == "5.2 h: 175,600 steps of 0.1 s, 101 evaluations of 10 s"


def test_estimate_time_with_patience_is_the_most():
    check = estimate_time(
        {**TRAINING, "patience": 1600},
        steps_per_epoch=10,
        step_seconds=1.0,
        dev_words=None,
        words_per_second=None,
    )
    assert check.found == "17 min at most: 1,000 steps of 1 s"


def test_estimate_time_without_a_corpus_asks_for_one():
    check = estimate_time(
        TRAINING, steps_per_epoch=None, step_seconds=0.5, dev_words=None, words_per_second=None
    )
    assert (check.status, check.found) == ("warn", "0.5 s a step")
    assert "Convert the corpus first" in check.advice


def test_estimate_time_without_an_end_says_so():
    check = estimate_time(
        {**TRAINING, "max_epochs": 0},
        steps_per_epoch=10,
        step_seconds=0.5,
        dev_words=None,
        words_per_second=None,
    )
    assert "sets no end" in check.found


@pytest.mark.parametrize(("seconds", "text"), [(90, "90 s"), (600, "10 min"), (9000, "2.5 h")])
def test_duration(seconds, text):
    assert duration(seconds) == text
