"""Sum over all paths (forward-backward): their total, each token's tags, and how often each transition is taken.

Both directions run side by side: the backward recursion is the forward one on mirrored rows with transposed
transitions. Shapes: T tokens, K tags, C rows.
Source: Rabiner (1989), A Tutorial on Hidden Markov Models, V.A for the scaling; Sutton & McCallum (2012), An
    Introduction to CRFs, 4.1.
"""

from functools import cached_property
from typing import Protocol

import numpy as np

from spacy_llama_ner.network.chain import IMPOSSIBLE, FloatArray, IntArray, Scores, mirror, total
from spacy_llama_ner.network.scan import block_length, scan
from spacy_llama_ner.network.semirings import LogPlus, Scaled, Semiring, log_sum, logarithms

# Up to which blocks are faster, see `block_length`. Measured on one core, ms for single steps and for blocks: 9 tags,
# one row of 128 tokens 0.7 and 0.8, of 256 1.0 and 1.0, of 2,000 8.3 and 2.9, of 20,000 81 and 26; four rows of 2,000
# 10 and 13, 64 of 512 23 and 51; 21 tags, one row of 2,000 8.8 and 8.4; 37 tags 16 and 30.
_BLOCKS_UP_TO = 2_000  # rows * tags^3


class PathSums(Protocol):
    """What the sums over all paths of some rows give. Nothing counts beyond a row's length.

    log_totals (FloatArray): Shape (C,): the logarithm of the sum over all paths, in nats; below `IMPOSSIBLE` where none
        is legal, nan where a score is.
    """

    log_totals: FloatArray

    def logs(self) -> tuple[FloatArray, FloatArray]:
        """RETURNS (tuple[FloatArray, FloatArray]): Two of shape (T, K, C), in nats, each up to a constant per token:
        the sum of all paths that end, and that start, in a tag at a token. Both have the token's own emission in."""

    def marginals(self) -> FloatArray:
        """RETURNS (FloatArray): Shape (T, K, C): each token's tag probabilities; 0 beyond a row's length."""

    def expected_transitions(self, weights: FloatArray) -> FloatArray:
        """RETURNS (FloatArray): Shape (K, K), [from, to]: how often each is expected, summed over rows with weights
        (C,)."""


def sum_paths(emissions: FloatArray, lengths: IntArray, scores: Scores) -> PathSums:
    """Sum over all paths of each row.

    emissions (FloatArray): Shape (T, K, C), T at least 1, none above 0, in nats; `DISALLOWED` for what is not.
    lengths (IntArray): Shape (C,).
    scores (Scores): With `DISALLOWED` for what is not legal.
    RETURNS (PathSums): By products of probabilities where they are exact, else by logarithms.
    """
    largest = scores.transitions.max()
    shift = float(largest) if largest > IMPOSSIBLE else 0.0
    transitions = np.stack([scores.transitions, scores.transitions.T]) - shift
    ends = np.stack([emissions[0], emissions[np.maximum(lengths - 1, 0), :, np.arange(len(lengths))].T])
    first = np.stack([scores.start, scores.end])[:, :, None] + ends  # (2, K, C)
    block = block_length(emissions.shape, most=_BLOCKS_UP_TO)

    def run(semiring: Semiring) -> tuple[FloatArray, FloatArray]:
        """RETURNS (tuple): States (T, 2, K, C), in both directions, and totals (C,)."""
        entered = semiring.enter(emissions)
        both = np.stack([entered, mirror(entered, lengths)], axis=1)  # (T, 2, K, C)
        states, scales = scan(semiring, first, both[1:], block=block)
        return states, _totals(semiring, states[:, 0], scales[:, 0], scores.end, lengths, shift)

    scaled = Scaled(transitions, emissions)
    if scaled.exact:
        states, totals = run(scaled)
        if scaled.exact:
            return _Products(states, transitions[0], scores.end, lengths, totals)
    states, totals = run(LogPlus(transitions))
    return _Logs(states, transitions[0], scores.end, lengths, totals)


def _totals(
    semiring: Semiring,
    states: FloatArray,
    scales: FloatArray,
    end: FloatArray,
    lengths: IntArray,
    shift: float,
) -> FloatArray:
    """RETURNS (FloatArray): Shape (C,), see `PathSums`, of the forward states (T, K, C) and scales (T, 1, C)."""
    rows, last = np.arange(len(lengths)), np.maximum(lengths - 1, 0)
    final = semiring.leave(states[last, :, rows]) + end  # (C, K)
    passed = np.arange(len(states))[:, None] <= last  # (T, C)
    return log_sum(final, axis=1) + total(scales[:, 0], passed) + shift * last


class _Sums:
    """What both kinds have in common.

    states (FloatArray): Shape (T, 2, K, C): forward, and backward on mirrored rows.
    transitions (FloatArray): Shape (K, K), in nats, shifted.
    end (FloatArray): Shape (K,), in nats.
    lengths (IntArray): Shape (C,).
    totals (FloatArray): Shape (C,).
    """

    def __init__(
        self,
        states: FloatArray,
        transitions: FloatArray,
        end: FloatArray,
        lengths: IntArray,
        totals: FloatArray,
    ) -> None:
        self.log_totals = totals
        self._before, self._after = states[:, 0], mirror(states[:, 1], lengths)
        self._transitions, self._end = transitions, end
        self._rows, self._last = np.arange(len(lengths)), np.maximum(lengths - 1, 0)
        steps = np.arange(len(states))[:, None]
        self._beyond = steps >= lengths  # (T, C)
        self._continued = steps[:-1] < self._last  # (T - 1, C): whether another token follows

    def _finish(self, marginals: FloatArray, final: FloatArray) -> FloatArray:
        """Set the marginals (T, K, C) of each row's last token and of the padding.

        final (FloatArray): Shape (C, K): the last tokens' forward states, in nats.
        RETURNS (FloatArray): The marginals given.
        """
        final = final + self._end  # in nats: end scores are of any size
        marginals[self._last, :, self._rows] = np.exp(final - log_sum(final, axis=1)[:, None])
        np.copyto(marginals, 0.0, where=self._beyond[:, None, :])
        return marginals


class _Products(_Sums):
    """The sums as probabilities: none so small that the product of three vanishes, see `Scaled`."""

    def logs(self) -> tuple[FloatArray, FloatArray]:
        return logarithms(self._before), logarithms(self._after)

    def marginals(self) -> FloatArray:
        joint, norm = self._joint
        result = np.empty_like(self._before)
        np.divide(joint, norm[:, None, :], out=result[:-1])
        return self._finish(result, logarithms(self._before[self._last, :, self._rows]))

    def expected_transitions(self, weights: FloatArray) -> FloatArray:
        _, norm = self._joint
        left = self._before[:-1] * np.where(self._continued, weights / norm, 0.0)[:, None, :]
        return _pairs(left, self._after[1:]) * np.exp(self._transitions)

    @cached_property
    def _joint(self) -> tuple[FloatArray, FloatArray]:
        """RETURNS (tuple[FloatArray, FloatArray]): Before and after a token together, (T - 1, K, C), and their sum over
        tags, (T - 1, C); nothing of use where a row does not continue, but no zero."""
        joint = np.matmul(np.exp(self._transitions), self._after[1:])
        joint *= self._before[:-1]
        norm = joint.sum(axis=1)
        np.copyto(norm, 1.0, where=~self._continued)
        return joint, norm


def _pairs(left: FloatArray, right: FloatArray) -> FloatArray:
    """RETURNS (FloatArray): Shape (K, K): products of (T, K, C) and (T, K, C), summed over tokens and rows."""
    if left.shape[2] >= 8:  # else the many small products cost more than a copy
        return np.matmul(left, right.transpose(0, 2, 1)).sum(axis=0)
    return np.tensordot(left, right, axes=([0, 2], [0, 2]))


class _Logs(_Sums):
    """The sums in nats."""

    def logs(self) -> tuple[FloatArray, FloatArray]:
        return self._before, self._after

    def marginals(self) -> FloatArray:
        joint, norm = self._joint
        result = np.empty_like(self._before)
        np.exp(joint - norm[:, None, :], out=result[:-1])
        return self._finish(result, self._before[self._last, :, self._rows])

    def expected_transitions(self, weights: FloatArray) -> FloatArray:
        _, norm = self._joint
        result = np.empty_like(self._transitions)
        # Tag by tag, or memory would hold all pairs of all tokens.
        for tag, leaving in enumerate(self._transitions):  # (K,)
            pairs = np.exp((self._before[:-1, tag] - norm)[:, None, :] + leaving[:, None] + self._after[1:])
            counts = np.where(self._continued[:, None, :], pairs, 0.0).sum(axis=0)  # (K, C)
            result[tag] = counts @ weights
        return result

    @cached_property
    def _joint(self) -> tuple[FloatArray, FloatArray]:
        """RETURNS (tuple[FloatArray, FloatArray]): As of `_Products`, in nats."""
        joint = np.stack(
            [log_sum(leaving[:, None] + self._after[1:], axis=1) for leaving in self._transitions], axis=1
        )
        joint += self._before[:-1]
        return joint, log_sum(joint, axis=1)
