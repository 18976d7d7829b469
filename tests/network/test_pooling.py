import numpy as np
import pytest
import torch

from spacy_llama_ner.network.pooling import choose_pieces, pool

TOKENS = np.array([0, 0, 0, 2, 3, 3])
ONE_WINDOW = np.zeros(6, dtype=np.int64)


@pytest.mark.parametrize(
    ("pooling", "expected"), [("first", [0, 3, 4]), ("last", [2, 3, 5]), ("mean", [0, 1, 2, 3, 4, 5])]
)
def test_choose_pieces_takes_the_right_ones(pooling, expected):
    assert choose_pieces(TOKENS, ONE_WINDOW, pooling).tolist() == expected


@pytest.mark.parametrize(("pooling", "expected"), [("first", [0, 2, 3, 4]), ("last", [1, 2, 3, 5])])
def test_choose_pieces_takes_one_of_each_window_of_a_parted_token(pooling, expected):
    assert choose_pieces(TOKENS, np.array([0, 0, 1, 1, 1, 1]), pooling).tolist() == expected


@pytest.mark.parametrize("pooling", ["first", "last", "mean"])
def test_choose_pieces_of_nothing_is_nothing(pooling):
    nothing = np.array([], dtype=np.int64)
    assert choose_pieces(nothing, nothing, pooling).tolist() == []


def test_pool_averages_and_leaves_zero_without_pieces():
    emissions = torch.tensor([[1.0], [2.0], [6.0], [4.0], [1.0], [3.0]])
    assert pool(emissions, torch.from_numpy(TOKENS), 5).squeeze(1).tolist() == [3.0, 0.0, 4.0, 2.0, 0.0]
