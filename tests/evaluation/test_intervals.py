"""Bootstrap intervals against SciPy's, and what they must not hide."""

import numpy as np
import pytest
import scipy.stats
from tagged_examples import make_example, make_random_examples

from spacy_llama_ner.evaluation.counts import count_entities
from spacy_llama_ner.evaluation.intervals import bootstrap_intervals


@pytest.fixture(scope="module")
def counts():
    return count_entities(make_random_examples(60, seed=0))


def by_scipy(tp, fp, fn, statistic):
    """The same interval of one statistic of the summed counts."""
    result = scipy.stats.bootstrap(
        (tp, fp, fn),
        lambda tp, fp, fn, axis: statistic(tp.sum(axis=axis), fp.sum(axis=axis), fn.sum(axis=axis)),
        paired=True,
        method="percentile",
        n_resamples=20_000,
        random_state=1,
    )
    return [result.confidence_interval.low, result.confidence_interval.high]


@pytest.mark.parametrize(
    ("name", "statistic"),
    [
        ("precision", lambda tp, fp, fn: tp / (tp + fp)),
        ("recall", lambda tp, fp, fn: tp / (tp + fn)),
        ("f1", lambda tp, fp, fn: 2 * tp / (2 * tp + fp + fn)),
    ],
)
def test_bootstrap_intervals_equals_scipy(counts, name, statistic):
    sums = [side.sum(axis=1) for side in (counts.tp, counts.fp, counts.fn)]
    ours = bootstrap_intervals(counts, resamples=20_000)[name]
    assert ours == pytest.approx(by_scipy(*sums, statistic), abs=0.005)


def test_bootstrap_intervals_by_label_equals_scipy(counts):
    i = counts.labels.index("PER")
    sides = [side[:, i] for side in (counts.tp, counts.fp, counts.fn)]
    expected = by_scipy(*sides, lambda tp, fp, fn: 2 * tp / (2 * tp + fp + fn))
    ours = bootstrap_intervals(counts, resamples=20_000)["per_label"]["PER"]["f1"]
    assert ours == pytest.approx(expected, abs=0.005)


def test_bootstrap_intervals_says_how_it_was_made(counts):
    intervals = bootstrap_intervals(counts, resamples=10, seed=7)
    made = {key: intervals[key] for key in ("unit", "units", "resamples", "level", "seed")}
    assert made == {"unit": "doc", "units": 60, "resamples": 10, "level": 0.95, "seed": 7}


def test_bootstrap_intervals_depends_on_the_seed_alone(counts):
    first = bootstrap_intervals(counts, resamples=50, seed=1)
    assert bootstrap_intervals(counts, resamples=50, seed=1) == first
    assert bootstrap_intervals(counts, resamples=50, seed=2)["f1"] != first["f1"]


def test_bootstrap_intervals_of_one_doc_is_none():
    """An interval of width 0 would look like certainty."""
    right = [("Oslo", ["B-LOC"])]
    assert bootstrap_intervals(count_entities([make_example(right, right)])) is None


def test_bootstrap_intervals_of_a_rare_label_is_wide():
    """Right, but in one Doc of ten only: about a third of the resamples has none of it."""
    right, rain = [("Oslo", ["B-LOC"])], [("rain", ["O"])]
    examples = [make_example(right, right), *(make_example(rain, rain) for _ in range(9))]
    assert bootstrap_intervals(count_entities(examples))["per_label"]["LOC"]["f1"] == [0.0, 1.0]


def test_bootstrap_intervals_without_entities():
    rain = [("rain", ["O"])]
    intervals = bootstrap_intervals(count_entities([make_example(rain, rain)] * 2))
    assert (intervals["f1"], intervals["per_label"]) == ([0.0, 0.0], {})


def test_bootstrap_intervals_are_plain_numbers(counts):
    assert all(type(value) is float for value in bootstrap_intervals(counts, resamples=5)["f1"])
    assert not isinstance(bootstrap_intervals(counts, resamples=5)["f1"][0], np.generic)
