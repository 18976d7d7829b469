"""Which of a token's pieces stand for it, and how their emissions become the token's."""

import numpy as np
import torch
from torch import Tensor


def choose_pieces(token_index: np.ndarray, window_index: np.ndarray, pooling: str) -> np.ndarray:
    """Choose the pieces whose states are needed.

    A token that is longer than a window is parted; it gets a piece of each of its windows, since none has seen
    the others' text.

    token_index (ndarray): Int64, shape (N,), not decreasing.
    window_index (ndarray): Int64, shape (N,), not decreasing within a token.
    pooling (str): "first", "last" or "mean" (all of them).
    RETURNS (ndarray): Int64, indices into `token_index`.
    """
    if pooling == "mean" or len(token_index) == 0:
        return np.arange(len(token_index))
    changes = (token_index[1:] != token_index[:-1]) | (window_index[1:] != window_index[:-1])
    edge = [True]
    return np.flatnonzero(np.concatenate([edge, changes] if pooling == "first" else [changes, edge]))


def pool(emissions: Tensor, token_index: Tensor, n_tokens: int) -> Tensor:
    """Average the chosen pieces of each token.

    The head is linear, so it is applied before pooling: the result is the same, and the memory of a long doc
    grows with the number of tags, not with the hidden size.

    emissions (Tensor): Float, shape (n, K), without the head's bias.
    token_index (Tensor): Int64, shape (n,); each piece's token.
    n_tokens (int): T.
    RETURNS (Tensor): Float, shape (T, K); zero for a token without pieces.
    """
    summed = emissions.new_zeros(n_tokens, emissions.shape[1]).index_add(0, token_index, emissions)
    counts = torch.bincount(token_index, minlength=n_tokens).clamp(min=1)
    return summed / counts.unsqueeze(1)
