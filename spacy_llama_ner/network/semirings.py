"""What the recursions over time compute with: best paths, sums of paths in logs, or sums of scaled probabilities.

A recursion advances states, one column of K tags for each row, by `spread` (over the transitions) and `absorb` (of the
next token's emissions). `settle` keeps their size in bounds: the true state is the settled one with all scales before
it. Shapes: K tags, C columns; `...` is the same in all arguments (say, the two directions).
Source: Goodman (1999), Semiring Parsing.
"""

import math
from typing import Protocol

import numpy as np

from spacy_llama_ner.network.chain import DISALLOWED, IMPOSSIBLE, FloatArray

# Bounds of `Scaled`: a natural logarithm, and a number of steps. The smallest normal float64 is e^-708.
_RANGE = 100.0
_MOST_STEPS = 32
_LEAST = math.exp(-_RANGE)


class Semiring(Protocol):
    """How states are advanced.

    zero, one (float): The neutral elements, of what is not allowed and of no score.
    every (int): After how many steps the states have to be settled; 0: never.
    """

    zero: float
    one: float
    every: int

    def begin(self, scores: FloatArray) -> FloatArray:
        """RETURNS (FloatArray): Scores (..., K, C) in nats, as states."""

    def enter(self, scores: FloatArray) -> FloatArray:
        """RETURNS (FloatArray): Scores in nats, as emissions."""

    def leave(self, states: FloatArray) -> FloatArray:
        """RETURNS (FloatArray): States in nats, with `DISALLOWED` for what no path reaches."""

    def spread(self, states: FloatArray, out: FloatArray) -> None:
        """Write states (..., K, C) advanced over the transitions to `out`, of the same shape."""

    def absorb(self, states: FloatArray, emissions: FloatArray) -> None:
        """Add emissions to states, in place; they broadcast."""

    def settle(self, states: FloatArray, scales: FloatArray) -> None:
        """Take the largest of each column out of states (..., K, C), in place, and write it to scales (..., 1, C)."""

    def join(self, states: FloatArray, products: FloatArray) -> FloatArray:
        """Advance states (..., K, C) by products (..., to, from, C), all in nats, to (..., K, C)."""


class MaxPlus:
    """The best path: sums of scores, and their maximum.

    transitions (FloatArray): Shape (K, K), [from, to].
    """

    zero, one, every = float("-inf"), 0.0, 0

    def __init__(self, transitions: FloatArray) -> None:
        self._transitions = transitions[:, :, None]  # (from, to, 1)

    def begin(self, scores: FloatArray) -> FloatArray:
        return scores

    def enter(self, scores: FloatArray) -> FloatArray:
        return scores

    def leave(self, states: FloatArray) -> FloatArray:
        return states

    def spread(self, states: FloatArray, out: FloatArray) -> None:
        # The maximum runs over the first axis, where it compares whole lines of memory.
        np.maximum.reduce(self._transitions + states[:, None, :], axis=0, out=out)

    def absorb(self, states: FloatArray, emissions: FloatArray) -> None:
        states += emissions

    def settle(self, states: FloatArray, scales: FloatArray) -> None:
        scales[:] = 0.0

    def join(self, states: FloatArray, products: FloatArray) -> FloatArray:
        return (products + states[None, :, :]).max(axis=1)


class LogPlus:
    """The sum of paths, in logs: right whatever the scores' range.

    transitions (FloatArray): Shape (..., K, K), [from, to].
    """

    zero, one, every = DISALLOWED, 0.0, 1

    def __init__(self, transitions: FloatArray) -> None:
        self._transitions = transitions[..., None]  # (..., from, to, 1)

    def begin(self, scores: FloatArray) -> FloatArray:
        return scores

    def enter(self, scores: FloatArray) -> FloatArray:
        return scores

    def leave(self, states: FloatArray) -> FloatArray:
        return states

    def spread(self, states: FloatArray, out: FloatArray) -> None:
        out[:] = log_sum(self._transitions + states[..., :, None, :], axis=-3)

    def absorb(self, states: FloatArray, emissions: FloatArray) -> None:
        states += emissions

    def settle(self, states: FloatArray, scales: FloatArray) -> None:
        np.max(states, axis=-2, keepdims=True, out=scales)
        states -= scales

    def join(self, states: FloatArray, products: FloatArray) -> FloatArray:
        return log_sum(products + states[..., None, :, :], axis=-2)


class Scaled:
    """The sum of paths as products of matrices: one exponential for each score, none for each step.

    Exact while nothing underflows. Let no step multiply (transition times emission) by less than e^-r, unless by 0.
    States have 1 as their largest at the first token and whenever they are settled, and that is after at most 100 / r
    steps. If all that is not 0 is then e^-100 or more, it stays e^-200 or more in between, and even two states and a
    transition between them multiply to e^-500. A state that starts or settles below e^-100 might vanish later: that,
    or an r above 100, sets `exact` to False, and such chains need `LogPlus`. As a step multiplies by K at most, 32 of
    them cannot overflow.

    transitions (FloatArray): Shape (..., K, K), [from, to], none above 0.
    emissions (FloatArray): Of any shape, none above 0: those that will be absorbed.
    """

    zero, one = 0.0, 1.0

    def __init__(self, transitions: FloatArray, emissions: FloatArray) -> None:
        reach = _reach(transitions) + _reach(emissions)
        self.exact = reach <= _RANGE  # and not nan
        self.every = max(1, min(_MOST_STEPS, int(_RANGE / max(reach, 1.0)))) if self.exact else 1
        self._to_from = np.exp(transitions).swapaxes(-1, -2).copy()  # (..., to, from)

    def begin(self, scores: FloatArray) -> FloatArray:
        self.exact = self.exact and _reach(scores) <= _RANGE
        return np.exp(scores)

    def enter(self, scores: FloatArray) -> FloatArray:
        return np.exp(scores)

    def leave(self, states: FloatArray) -> FloatArray:
        return logarithms(states)

    def spread(self, states: FloatArray, out: FloatArray) -> None:
        np.matmul(self._to_from, states, out=out)

    def absorb(self, states: FloatArray, emissions: FloatArray) -> None:
        states *= emissions

    def settle(self, states: FloatArray, scales: FloatArray) -> None:
        np.max(states, axis=-2, keepdims=True, out=scales)
        scales += scales == 0  # nothing reaches this column: leave it so
        states /= scales
        # Does one hold something that may vanish?
        self.exact = self.exact and bool((states + (states == 0)).min(initial=1.0) >= _LEAST)

    def join(self, states: FloatArray, products: FloatArray) -> FloatArray:
        return log_sum(products + states[..., None, :, :], axis=-2)


def logarithms(probabilities: FloatArray) -> FloatArray:
    """RETURNS (FloatArray): In nats, with `DISALLOWED` for 0."""
    return np.log(probabilities, out=np.full_like(probabilities, DISALLOWED), where=probabilities > 0)


def log_sum(values: FloatArray, *, axis: int) -> FloatArray:
    """RETURNS (FloatArray): The logarithm of the sum of exponentials along an axis; none may be infinite."""
    largest = values.max(axis=axis, keepdims=True)
    return np.log(np.exp(values - largest).sum(axis=axis)) + largest.squeeze(axis)


def _reach(scores: FloatArray) -> float:
    """RETURNS (float): How far the allowed scores are spread, at least down from 0; nan if one is."""
    allowed = np.where(scores < IMPOSSIBLE, 0.0, scores)
    return float(allowed.max(initial=0.0) - allowed.min(initial=0.0))
