"""The log-likelihood of a linear-chain CRF, with its gradient in closed form.

The gradient is what the allowed paths are expected to hold less what all paths are: marginals and expected transitions
of `PathSums`. So nothing is recorded step by step, as autograd would.
Source: Sutton & McCallum (2012), An Introduction to CRFs, 5.1.1.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from spacy_llama_ner.network.chain import DISALLOWED, FloatArray, IntArray, Scores, total
from spacy_llama_ner.network.sums import PathSums, sum_paths


class KnownPaths:
    """Rows of which each token allows one tag: their paths' scores and counts.

    emissions (FloatArray): Shape (T, K, C), in nats.
    tags (IntArray): Shape (T, C).
    lengths (IntArray): Shape (C,).
    scores (Scores): With `DISALLOWED` for what is not legal.
    """

    def __init__(self, emissions: FloatArray, tags: IntArray, lengths: IntArray, scores: Scores) -> None:
        self._tags, self._shape = tags, emissions.shape
        steps = np.arange(len(tags))[:, None]
        self._inside = steps < lengths  # (T, C)
        self._continued = self._inside[1:]
        own = np.take_along_axis(emissions, tags[:, None, :], axis=1)[:, 0]  # (T, C)
        moves = scores.transitions[tags[:-1], tags[1:]]  # (T - 1, C)
        last = tags[np.maximum(lengths - 1, 0), np.arange(len(lengths))]
        self.log_totals = (
            total(own, self._inside)
            + total(moves, self._continued)
            + scores.start[tags[0]]
            + scores.end[last]
        )

    def marginals(self) -> FloatArray:
        """RETURNS (FloatArray): Shape (T, K, C): 1 for each token's tag, else 0."""
        result = np.zeros(self._shape)
        np.put_along_axis(result, self._tags[:, None, :], self._inside[:, None, :], axis=1)
        return result

    def expected_transitions(self, weights: FloatArray) -> FloatArray:
        """RETURNS (FloatArray): Shape (K, K), [from, to]: the transitions' counts, summed with weights (C,)."""
        n_tags = self._shape[1]
        pairs = self._tags[:-1] * n_tags + self._tags[1:]
        counted = np.where(self._continued, weights, 0.0)
        counts = np.bincount(pairs.ravel(), counted.ravel(), minlength=n_tags * n_tags)
        return counts.astype(np.float64).reshape(n_tags, n_tags)


@dataclass(frozen=True)
class Likelihood:
    """The paths of some rows that their annotation allows, among all of them.

    allowed (KnownPaths / PathSums): The former.
    every (PathSums): All.
    lengths (IntArray): Shape (C,).
    """

    allowed: KnownPaths | PathSums
    every: PathSums
    lengths: IntArray

    @property
    def values(self) -> FloatArray:
        """RETURNS (FloatArray): Shape (C,): log-probabilities; 0 for a row without tokens."""
        with np.errstate(invalid="ignore"):
            return np.where(self.lengths > 0, self.allowed.log_totals - self.every.log_totals, 0.0)

    def gradients(self, weights: FloatArray) -> tuple[FloatArray, Scores]:
        """Differentiate the sum of values with weights.

        weights (FloatArray): Shape (C,).
        RETURNS (tuple[FloatArray, Scores]): Those of the emissions, (T, K, C), and of the other scores.
        """
        weights = np.where(self.lengths > 0, weights, 0.0)
        emissions = (self.allowed.marginals() - self.every.marginals()) * weights
        rows, last = np.arange(len(weights)), np.maximum(self.lengths - 1, 0)
        transitions = self.allowed.expected_transitions(weights) - self.every.expected_transitions(weights)
        start, end = emissions[0].sum(axis=1), emissions[last, :, rows].sum(axis=0)
        return emissions, Scores(start, transitions, end)


def likelihood(
    emissions: FloatArray, annotation: NDArray[Any], lengths: IntArray, scores: Scores
) -> Likelihood:
    """Sum over the paths of each row that its annotation allows, and over all.

    emissions (FloatArray): Shape (T, K, C), none above 0, in nats.
    annotation (ndarray): Each token's tag, int, shape (T, C), or the tags that it may have, bool, shape (T, K, C).
    lengths (IntArray): Shape (C,).
    scores (Scores): With `DISALLOWED` for what is not legal.
    RETURNS (Likelihood): Of all rows.
    """
    every = sum_paths(emissions, lengths, scores)
    if annotation.ndim == 2:
        return Likelihood(KnownPaths(emissions, annotation, lengths, scores), every, lengths)
    inside = np.arange(len(emissions))[:, None] < lengths
    if (annotation.sum(axis=1) == 1)[inside].all():
        known = KnownPaths(emissions, annotation.argmax(axis=1), lengths, scores)
        return Likelihood(known, every, lengths)
    constrained = np.where(annotation | ~inside[:, None, :], emissions, DISALLOWED)
    return Likelihood(sum_paths(constrained, lengths, scores), every, lengths)


class LogLikelihood(torch.autograd.Function):
    """`Likelihood` in torch's graph: apply(emissions, start, transitions, end, likelihood, dtype)."""

    @staticmethod
    def forward(
        ctx: Any,
        emissions: Tensor,
        start: Tensor,
        transitions: Tensor,
        end: Tensor,
        found: Likelihood,
        dtype: torch.dtype,
    ) -> Tensor:
        """Put values that were computed into the graph.

        emissions (Tensor): Shape (D, T, K), on any device.
        start, transitions, end (Tensor): The CRF's parameters.
        found (Likelihood): Of the emissions' values and these.
        dtype (dtype): Of the result.
        RETURNS (Tensor): Shape (D,).
        """
        ctx.found, ctx.emissions = found, (emissions.device, emissions.dtype)
        ctx.parameters = [(tensor.device, tensor.dtype) for tensor in (start, transitions, end)]
        return torch.from_numpy(found.values).to(device=emissions.device, dtype=dtype)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """RETURNS (tuple): The gradients of the first four arguments."""
        rows, scores = ctx.found.gradients(gradient.cpu().double().numpy())
        device, dtype = ctx.emissions
        emissions = torch.from_numpy(rows).permute(2, 0, 1).to(device=device, dtype=dtype).contiguous()
        others = [
            torch.from_numpy(values).to(device=device, dtype=dtype)
            for values, (device, dtype) in zip(
                (scores.start, scores.transitions, scores.end), ctx.parameters, strict=True
            )
        ]
        return emissions, *others, None, None
