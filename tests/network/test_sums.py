"""Sums over paths: each way and each recursion beside an enumeration, and beside each other on long rows."""

import itertools

import numpy as np
import pytest

from spacy_llama_ner.network import sums as sums_module
from spacy_llama_ner.network.chain import DISALLOWED, IMPOSSIBLE, Scores
from spacy_llama_ner.network.semirings import Scaled
from spacy_llama_ner.network.sums import sum_paths


@pytest.fixture(params=["products", "logarithms"])
def way(request, monkeypatch):
    if request.param == "logarithms":

        class Never(Scaled):
            def __init__(self, *args):
                super().__init__(*args)
                self.exact = False

        monkeypatch.setattr(sums_module, "Scaled", Never)
    return request.param


def random_problem(n_tokens, n_tags, n_rows, seed=0, scale=1.0):
    rng = np.random.default_rng(seed)
    emissions = rng.normal(size=(n_tokens, n_tags, n_rows)) * scale
    emissions -= emissions.max(axis=1, keepdims=True)
    scores = Scores(
        rng.normal(size=n_tags) * scale,
        rng.normal(size=(n_tags, n_tags)) * scale,
        rng.normal(size=n_tags) * scale,
    )
    scores.start[1] = scores.transitions[0, 2] = scores.transitions[1, 1] = DISALLOWED
    return emissions, scores


def enumerate_row(emissions, scores):
    """RETURNS: log total, marginals (T, K) and transitions (K, K) of one row (T, K)."""
    n_tokens, n_tags = emissions.shape
    paths = np.array(list(itertools.product(range(n_tags), repeat=n_tokens)))
    logs = (
        scores.start[paths[:, 0]]
        + emissions[np.arange(n_tokens), paths].sum(axis=1)
        + scores.transitions[paths[:, :-1], paths[:, 1:]].sum(axis=1)
        + scores.end[paths[:, -1]]
    )
    total = np.logaddexp.reduce(logs)
    weights = np.exp(logs - total)
    marginals, transitions = np.zeros((n_tokens, n_tags)), np.zeros((n_tags, n_tags))
    for path, weight in zip(paths, weights, strict=True):
        marginals[np.arange(n_tokens), path] += weight
        np.add.at(transitions, (path[:-1], path[1:]), weight)
    return total, marginals, transitions


@pytest.mark.parametrize("n_rows", [3, 9])
@pytest.mark.parametrize("scale", [1.0, 20.0])
@pytest.mark.usefixtures("way")
def test_sums_equal_enumeration(n_rows, scale):
    emissions, scores = random_problem(5, 3, n_rows, scale=scale)
    lengths = np.array([5, 3, 1, 0, 5, 2, 4, 5, 5])[:n_rows]
    got = sum_paths(emissions, lengths, scores)
    marginals, weights = got.marginals(), np.arange(1.0, n_rows + 1)
    expected_transitions = np.zeros((3, 3))
    for row, length in enumerate(lengths):
        assert not marginals[length:, :, row].any()
        if length:
            total, expected, transitions = enumerate_row(emissions[:length, :, row], scores)
            assert got.log_totals[row] == pytest.approx(total, rel=1e-12)
            np.testing.assert_allclose(marginals[:length, :, row], expected, rtol=0, atol=1e-12)
            expected_transitions += weights[row] * transitions
    weights[lengths == 0] = 0.0
    np.testing.assert_allclose(got.expected_transitions(weights), expected_transitions, rtol=0, atol=1e-11)


@pytest.mark.parametrize("n_tokens", [256, 401, 1_000])
@pytest.mark.usefixtures("way")
def test_sums_are_the_same_in_blocks(monkeypatch, n_tokens):
    emissions, scores = random_problem(n_tokens, 4, 3, scale=5.0)
    lengths, weights = np.array([n_tokens, 1, n_tokens // 2]), np.ones(3)
    blocks = sum_paths(emissions, lengths, scores)
    monkeypatch.setattr("spacy_llama_ner.network.scan.BLOCKS_FROM_TOKENS", 10**9)
    steps = sum_paths(emissions, lengths, scores)
    np.testing.assert_allclose(blocks.log_totals, steps.log_totals, rtol=1e-12)
    np.testing.assert_allclose(blocks.marginals(), steps.marginals(), rtol=0, atol=1e-10)
    np.testing.assert_allclose(
        blocks.expected_transitions(weights), steps.expected_transitions(weights), rtol=1e-10, atol=1e-9
    )


@pytest.mark.parametrize("spread", [10.0, 100.0, 199.0, 250.0, 5_000.0])
def test_sums_are_right_where_two_paths_part_far(spread):
    # What is unlikely on the way may still win at the end: it must not vanish before.
    emissions = np.zeros((40, 2, 9))
    emissions[:20, 0], emissions[20:, 1] = -spread, -spread
    emissions[20, 1] = 0.0
    scores = Scores(np.zeros(2), np.array([[0.0, DISALLOWED], [DISALLOWED, 0.0]]), np.zeros(2))
    got = sum_paths(emissions, np.full(9, 40), scores)
    first, second = emissions[:, 0, 0].sum(), emissions[:, 1, 0].sum()
    np.testing.assert_allclose(got.log_totals, np.logaddexp(first, second), rtol=1e-12)
    expected = 1 / (1 + np.exp(np.clip(first - second, -700, 700)))
    np.testing.assert_allclose(got.marginals()[:, 1], expected, rtol=0, atol=1e-10)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("size", [-900.0, 900.0])
@pytest.mark.parametrize("n_tokens", [1, 30, 300])  # the last in blocks
@pytest.mark.usefixtures("way")
def test_sums_are_right_where_all_start_or_end_scores_are_large(n_tokens, size):
    emissions, scores = random_problem(n_tokens, 3, 2)
    lengths, weights = np.array([n_tokens, 1]), np.ones(2)
    expected = sum_paths(emissions, lengths, scores)
    start, end = scores.start + np.where(scores.start < IMPOSSIBLE, 0.0, size), scores.end + size
    for moved in (
        Scores(start, scores.transitions, scores.end),
        Scores(scores.start, scores.transitions, end),
    ):
        got = sum_paths(emissions, lengths, moved)
        np.testing.assert_allclose(got.log_totals, expected.log_totals + size, rtol=0, atol=1e-9)
        np.testing.assert_allclose(got.marginals(), expected.marginals(), rtol=0, atol=1e-10)
        np.testing.assert_allclose(
            got.expected_transitions(weights), expected.expected_transitions(weights), rtol=0, atol=1e-9
        )


@pytest.mark.filterwarnings("error")
@pytest.mark.usefixtures("way")
def test_sums_are_right_where_no_row_may_end_in_the_tag_that_ends_best():
    emissions, scores = random_problem(30, 3, 2)
    emissions[-1, 2] = DISALLOWED
    expected = sum_paths(emissions, np.full(2, 30), scores).marginals()
    scores.end[2] = 900.0
    got = sum_paths(emissions, np.full(2, 30), scores).marginals()
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-12)


@pytest.mark.usefixtures("way")
def test_sums_of_no_legal_path_are_impossible_in_that_row_alone():
    emissions, scores = random_problem(4, 3, 3)
    emissions[2, :, 1] = DISALLOWED
    totals = sum_paths(emissions, np.full(3, 4), scores).log_totals
    assert (totals < IMPOSSIBLE).tolist() == [False, True, False]


def test_sums_take_products_where_they_are_exact_and_logarithms_elsewhere():
    lengths = np.full(2, 30)
    usual, scores = random_problem(30, 5, 2, scale=3.0)
    assert type(sum_paths(usual, lengths, scores)).__name__ == "_Products"
    assert type(sum_paths(usual * 1e3, lengths, scores)).__name__ == "_Logs"
    scores.start[2:] += 900.0  # what the other tags start with vanishes
    assert type(sum_paths(usual, lengths, scores)).__name__ == "_Logs"
