"""The probability of an entity: of its tags, summed over all tags around them."""

import numpy as np

from spacy_llama_ner.network.chain import DISALLOWED, IMPOSSIBLE, FloatArray, IntArray
from spacy_llama_ner.network.semirings import log_sum
from spacy_llama_ner.network.sums import PathSums


def span_log_probabilities(
    sums: PathSums,
    spans: IntArray,
    *,
    emissions: FloatArray,
    lengths: IntArray,
    transitions: FloatArray,
) -> FloatArray:
    """Compute the log-probability of exactly these entities: B at start, I up to end - 1, and no I at end.

    By the chain rule, P(B at start) times the conditional probability of each next tag given the one before, so that
    every factor is a normalised one and none is a difference of long sums.

    sums (PathSums): Of rows C of K tags.
    spans (IntArray): Shape (N, 5), N at least 1: row, start, end, id of the B tag, id of the I tag; in tokens, end
        exclusive.
    emissions (FloatArray): Shape (T, K, C), in nats, that the sums are of.
    lengths (IntArray): Shape (C,).
    transitions (FloatArray): Shape (K, K), [from, to], in nats.
    RETURNS (FloatArray): Shape (N,), in nats, at most 0, -inf if impossible.
    """
    before, after = sums.logs()  # each (T, K, C)
    row, start, end, begin, inside = spans.T

    def next_tag(rows: IntArray, positions: IntArray, previous: IntArray) -> FloatArray:
        """RETURNS (FloatArray): Log-probabilities (M, K) of the tags at some positions, given the one before."""
        return _log_softmax(transitions[previous] + after[positions, :, rows])

    # B at start; both have its emission in
    first = before[start, :, row] + after[start, :, row] - emissions[start, :, row]  # (N, K)
    result = _pick(_log_softmax(first), begin)

    # I at start + 1 ... end - 1: M tokens of all spans together
    n_inside = end - start - 1
    owner = np.repeat(np.arange(len(spans)), n_inside)  # (M,)
    offset = np.arange(len(owner)) - (n_inside.cumsum() - n_inside)[owner]
    previous = np.where(offset == 0, begin[owner], inside[owner])
    steps = _pick(next_tag(row[owner], start[owner] + 1 + offset, previous), inside[owner])
    np.add.at(result, owner, steps)

    # no I at end
    following, previous = np.minimum(end, len(before) - 1), np.where(n_inside == 0, begin, inside)
    closing = next_tag(row, following, previous)  # (N, K)
    np.put_along_axis(closing, inside[:, None], DISALLOWED, axis=1)
    result += np.where(end < lengths[row], log_sum(closing, axis=1), 0.0)
    return np.minimum(np.where(result < IMPOSSIBLE, -np.inf, result), 0.0)


def _log_softmax(scores: FloatArray) -> FloatArray:
    return scores - log_sum(scores, axis=1)[:, None]


def _pick(rows: FloatArray, columns: IntArray) -> FloatArray:
    return np.take_along_axis(rows, columns[:, None], axis=1)[:, 0]
