import itertools

import numpy as np
import pytest

from spacy_llama_ner.network import viterbi
from spacy_llama_ner.network.chain import Scores
from spacy_llama_ner.network.viterbi import best_paths

ILLEGAL = float("-inf")


def random_scores(n_tags, seed=0, scale=1.0):
    """Draw scores in which tag 0 may not start, and 0 not follow 1."""
    rng = np.random.default_rng(seed)
    scores = Scores(*(rng.normal(size=shape) * scale for shape in (n_tags, (n_tags, n_tags), n_tags)))
    scores.start[0] = scores.transitions[1, 0] = ILLEGAL
    return scores


def random_emissions(n_tokens, n_tags, n_rows, scale=1.0):
    return np.random.default_rng(1).normal(size=(n_tokens, n_tags, n_rows)) * scale


def path_score(path, emissions, scores):
    score = scores.start[path[0]] + scores.end[path[-1]]
    score += sum(scores.transitions[pair] for pair in itertools.pairwise(path))
    return score + sum(emissions[step, tag] for step, tag in enumerate(path))


@pytest.fixture(params=["blocks", "steps"])
def way(request, monkeypatch):
    """Take one of the two ways whatever the shape."""
    monkeypatch.setattr("spacy_llama_ner.network.scan.BLOCKS_FROM_TOKENS", 2)
    monkeypatch.setattr(viterbi, "_BLOCKS_UP_TO", 10**9 if request.param == "blocks" else 0)


@pytest.mark.parametrize("n_tokens", [1, 2, 3, 6])
def test_best_paths_are_those_of_an_enumeration(way, n_tokens):
    lengths = np.array([n_tokens, max(1, n_tokens - 2), 0, n_tokens])
    emissions, scores = random_emissions(n_tokens, 3, 4), random_scores(3)
    paths, best = best_paths(emissions, lengths, scores)
    for row, length in enumerate(lengths):
        if length == 0:
            assert paths[row] == []
            continue
        every = itertools.product(range(3), repeat=length)
        expected = max(every, key=lambda path: path_score(path, emissions[..., row], scores))
        assert tuple(paths[row]) == expected
        assert best[row] == pytest.approx(path_score(expected, emissions[..., row], scores), abs=1e-12)


@pytest.mark.parametrize("scale", [1.0, 1e4, 1e35])
@pytest.mark.parametrize("n_tokens", [256, 400, 1_001])
def test_best_paths_are_the_same_in_blocks(monkeypatch, n_tokens, scale):
    lengths = np.array([n_tokens, n_tokens - 150, 0, 1])
    arguments = random_emissions(n_tokens, 5, 4, scale), lengths, random_scores(5, scale=scale)
    in_blocks, best = best_paths(*arguments)
    monkeypatch.setattr(viterbi, "_BLOCKS_UP_TO", 0)
    in_steps, expected = best_paths(*arguments)
    assert in_blocks == in_steps
    np.testing.assert_allclose(best, expected, rtol=1e-12)


def test_best_paths_take_the_first_of_equals(way):
    scores = Scores(np.zeros(3), np.zeros((3, 3)), np.zeros(3))
    assert best_paths(np.zeros((20, 3, 2)), np.array([20, 7]), scores)[0] == [[0] * 20, [0] * 7]


def test_best_paths_are_legal_where_legal_ones_score_least(way):
    emissions = random_emissions(50, 4, 3)
    emissions[:, 0] += 1e6  # tag 0 may not start, nor follow 1
    scores = random_scores(4)
    scores.transitions[2:, 0] = ILLEGAL
    paths, _ = best_paths(emissions, np.array([50, 20, 3]), scores)
    assert all(0 not in path for path in paths)


def test_best_paths_score_minus_infinity_where_there_is_none(way):
    scores = Scores(np.zeros(2), np.full((2, 2), ILLEGAL), np.zeros(2))
    _, best = best_paths(np.zeros((9, 2, 2)), np.array([9, 1]), scores)
    assert best.tolist() == [ILLEGAL, 0.0]
