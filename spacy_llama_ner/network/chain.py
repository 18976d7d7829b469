"""Rows and scores as the CRF's recursions take them: NumPy, float64, time first and rows last.

The recursions are many tiny steps. NumPy's cost per step is a fraction of torch's, and with rows last each step
works on contiguous memory. Shapes: T tokens, K tags, C rows side by side (columns).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

# The score of what is not allowed. Finite, because sums and differences of -inf give nan; far beyond any sum of real
# scores.
DISALLOWED = -1e30
# A path's score below this went through something disallowed.
IMPOSSIBLE = DISALLOWED / 2


@dataclass(frozen=True, slots=True)
class Scores:
    """What a path scores apart from its emissions, in nats.

    start (FloatArray): Shape (K,).
    transitions (FloatArray): Shape (K, K), [from, to].
    end (FloatArray): Shape (K,).
    """

    start: FloatArray
    transitions: FloatArray
    end: FloatArray


def to_numpy(tensor: Tensor) -> FloatArray:
    """RETURNS (FloatArray): A tensor's values in float64, from whatever device and graph."""
    return tensor.detach().cpu().double().numpy()


def legal_scores(
    start: Tensor,
    transitions: Tensor,
    end: Tensor,
    *,
    legal_starts: Tensor,
    legal_transitions: Tensor,
    disallowed: float = DISALLOWED,
    temperature: float = 1.0,
) -> Scores:
    """Gather a CRF's parameters.

    start, end (Tensor): Shape (K,), in nats.
    transitions (Tensor): Shape (K, K), [from, to].
    legal_starts, legal_transitions (Tensor): Bool, of the same shapes.
    disallowed (float): The score of what is not legal.
    temperature (float): What the others are divided by.
    RETURNS (Scores): New arrays.
    """
    return Scores(
        np.where(legal_starts.cpu().numpy(), to_numpy(start) / temperature, disallowed),
        np.where(legal_transitions.cpu().numpy(), to_numpy(transitions) / temperature, disallowed),
        to_numpy(end) / temperature,
    )


def columns(emissions: Tensor, mask: BoolArray) -> FloatArray:
    """Lay rows side by side.

    emissions (Tensor): Shape (D, T, K), of any floating type, on any device.
    mask (BoolArray): Shape (D, T).
    RETURNS (FloatArray): Shape (T, K, D), contiguous; 0 is each token's maximum (a shift that no result depends
        on), and the padding holds 0; a token whose maximum is nan or infinite holds nan alone.
    """
    rows = to_numpy(emissions).transpose(1, 2, 0)  # (T, K, D)
    if not mask.all():
        rows = np.where(mask.T[:, None, :], rows, 0.0)
    rows = np.ascontiguousarray(rows)  # so that the maximum runs over contiguous memory
    largest = rows.max(axis=1, keepdims=True)
    return rows - np.where(np.isfinite(largest), largest, np.nan)


def mirror(values: FloatArray, lengths: IntArray) -> FloatArray:
    """Reverse each row within its length; the inverse of itself.

    values (FloatArray): Shape (T, K, C).
    lengths (IntArray): Shape (C,).
    RETURNS (FloatArray): Shape (T, K, C); the padding repeats the row's first token.
    """
    n_tokens = len(values)
    if (lengths == n_tokens).all():
        return values[::-1]
    source = np.maximum(lengths - 1 - np.arange(n_tokens)[:, None], 0)  # (T, C)
    return np.take_along_axis(values, source[:, None, :], axis=0)


def total(values: FloatArray, inside: BoolArray) -> FloatArray:
    """Sum over time, pairwise: of long rows the running sum would lose digits that the difference of two totals needs.

    values (FloatArray): Shape (T, C).
    inside (BoolArray): Shape (T, C): what counts.
    RETURNS (FloatArray): Shape (C,).
    """
    # NumPy sums pairwise along contiguous memory only.
    return np.ascontiguousarray(np.where(inside, values, 0.0).T).sum(axis=1)
