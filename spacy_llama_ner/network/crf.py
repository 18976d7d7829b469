"""A linear-chain CRF that knows legal transitions, missing annotation, empty rows and long sequences.

Its recursions over time run in NumPy on the CPU, wherever the emissions are: `best_paths`, and `sum_paths` with
gradients in closed form.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
import torchcrf
from torch import Tensor

from spacy_llama_ner.network.chain import (
    DISALLOWED,
    IMPOSSIBLE,
    BoolArray,
    FloatArray,
    IntArray,
    Scores,
    columns,
    legal_scores,
)
from spacy_llama_ner.network.likelihood import LogLikelihood, likelihood
from spacy_llama_ner.network.span_scores import span_log_probabilities
from spacy_llama_ner.network.sums import PathSums, sum_paths
from spacy_llama_ner.network.viterbi import best_paths

TaggedSpan = tuple[int, int, int, int]  # start, end (exclusive), id of the B tag, id of the I tag


class CRF(torchcrf.CRF):
    """A `torchcrf.CRF` with the same parameters and names, that only knows legal tag sequences.

    Shapes: D rows (Docs), T tokens, K tags. `forward` and `decode` follow `batch_first` like torchcrf; the
    other methods always take D first. Parameters stay in float32 when the module is cast to half precision;
    all sums run in float64, whatever comes in. Emissions and parameters
    are finite and well below 1e24 in size: 1e30 means "not allowed".
    Source of the recursions: Sutton & McCallum (2012), An Introduction to CRFs, 4.1.
    """

    legal_starts: Tensor
    legal_transitions: Tensor

    def __init__(
        self,
        num_tags: int,
        *,
        legal_starts: Tensor | None = None,
        legal_transitions: Tensor | None = None,
        batch_first: bool = True,
    ) -> None:
        """Make a CRF with small random parameters, as torchcrf does.

        num_tags (int): K, the number of tags, 1 or more.
        legal_starts (Tensor | None): Bool, shape (K,): tags a row may start with. None: all.
        legal_transitions (Tensor | None): Bool, shape (K, K), [from, to]. None: all.
        batch_first (bool): Whether `forward` and `decode` take (D, T, ...) rather than (T, D, ...).
        RAISES (ValueError): If num_tags is below 1, or a legality mask has another shape or type.
        """
        super().__init__(num_tags, batch_first=batch_first)
        self.float()  # a default dtype of half precision may be set while a backbone loads
        starts = torch.ones(num_tags, dtype=torch.bool) if legal_starts is None else legal_starts
        if legal_transitions is None:
            legal_transitions = torch.ones(num_tags, num_tags, dtype=torch.bool)
        _check_bool("legal_starts", starts, expected=(num_tags,))
        _check_bool("legal_transitions", legal_transitions, expected=(num_tags, num_tags))
        # Not persistent: they follow from the labels, and the state dict stays torchcrf's.
        self.register_buffer("legal_starts", starts.clone(), persistent=False)
        self.register_buffer("legal_transitions", legal_transitions.clone(), persistent=False)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> "CRF":
        # Every cast and move of a module passes here. Keep float32: half precision decodes other paths.
        def keep_precision(tensor: Tensor) -> Tensor:
            applied = fn(tensor)
            if not applied.is_floating_point() or applied.dtype.itemsize >= 4:
                return applied
            return tensor.to(device=applied.device, dtype=torch.float32)

        return super()._apply(keep_precision, recurse)

    def forward(
        self, emissions: Tensor, tags: Tensor, mask: Tensor | None = None, reduction: str = "sum"
    ) -> Tensor:
        """Compute the log-likelihood of fully known tag sequences, with torchcrf's signature.

        emissions (Tensor): Float, shape (D, T, K), in nats; (T, D, K) unless batch_first.
        tags (Tensor): Int, shape (D, T) or (T, D); ignored where mask is False.
        mask (Tensor | None): Bool, shape (D, T) or (T, D); each row a run of True, then False; a row may
            be all False. None: all True.
        reduction (str): "none" (one value a row), "sum", "mean" (over rows) or "token_mean".
        RETURNS (Tensor): Float64 (float32 on mps), shape (D,) for "none", else (); 0 for a row without tokens.
        RAISES (ValueError): If the reduction is unknown, shapes disagree, a tag is out of range or a
            sequence is not legal.
        """
        if reduction not in ("none", "sum", "mean", "token_mean"):
            raise ValueError(f"Expected reduction 'none', 'sum', 'mean' or 'token_mean', got {reduction!r}.")
        if tags.shape != emissions.shape[:2]:
            raise ValueError(f"Expected tags of shape {tuple(emissions.shape[:2])}, got {tuple(tags.shape)}.")
        mask = torch.ones_like(tags, dtype=torch.bool) if mask is None else mask
        _check_shape("mask", mask, expected=tuple(tags.shape))
        if not self.batch_first:
            emissions, tags, mask = emissions.transpose(0, 1), tags.transpose(0, 1), mask.transpose(0, 1)
        rows, lengths = self._check(emissions, mask)
        known = np.where(rows, tags.cpu().numpy(), 0).T.astype(np.int64)  # (T, D)
        if known.size and not 0 <= known.min() <= known.max() < self.num_tags:
            raise ValueError(
                f"Expected tags from 0 to {self.num_tags - 1} where mask is True, "
                f"got {known.min()} to {known.max()}."
            )
        log_likelihood = self._log_likelihood(emissions, known, rows, lengths)
        if reduction == "none":
            return log_likelihood
        if reduction == "mean":
            return log_likelihood.mean()
        if reduction == "token_mean":
            return log_likelihood.sum() / max(int(lengths.sum()), 1)
        return log_likelihood.sum()

    def log_likelihood(self, emissions: Tensor, allowed: Tensor, mask: Tensor) -> Tensor:
        """Compute the log-probability that each row's tags are among the allowed ones (constrained forward).

        A fully annotated token allows one tag, an unannotated one all: its tags are summed over.

        emissions (Tensor): Float, shape (D, T, K), in nats.
        allowed (Tensor): Bool, shape (D, T, K): the tags each token may have; ignored where mask is False.
        mask (Tensor): Bool, shape (D, T); each row a run of True, then False; a row may be all False.
        RETURNS (Tensor): Float64 (float32 on mps), shape (D,); 0 for a row without tokens, nan for one with nan or
            inf.
        RAISES (ValueError): If shapes disagree, a mask has a hole, or a row has no legal path.
        Source: Tsuboi et al. (2008), Training Conditional Random Fields Using Incomplete
            Annotations (COLING).
        """
        rows, lengths = self._check(emissions, mask)
        _check_bool("allowed", allowed, expected=tuple(emissions.shape))
        return self._log_likelihood(emissions, allowed.cpu().numpy().transpose(1, 2, 0), rows, lengths)

    def _log_likelihood(
        self, emissions: Tensor, annotation: IntArray | BoolArray, rows: BoolArray, lengths: IntArray
    ) -> Tensor:
        """RETURNS (Tensor): Shape (D,), of emissions (D, T, K), and of tags (T, D) or allowed tags (T, K, D)."""
        dtype = torch.float32 if emissions.device.type == "mps" else torch.float64
        if rows.size == 0:
            return emissions.sum(dim=(1, 2)).to(dtype)  # zeros, with a graph
        found = likelihood(columns(emissions, rows), annotation, lengths, self._legal_scores())
        _check_possible(lengths, impossible=found.allowed.log_totals < IMPOSSIBLE)
        parameters = (self.start_transitions, self.transitions, self.end_transitions)
        values: Tensor = LogLikelihood.apply(emissions, *parameters, found, dtype)
        return values

    @torch.no_grad()
    def decode(self, emissions: Tensor, mask: Tensor | None = None) -> list[list[int]]:
        """Find the most likely legal tag sequence of each row (Viterbi).

        emissions (Tensor): Float, shape (D, T, K), in nats; (T, D, K) unless batch_first.
        mask (Tensor | None): Bool, shape (D, T) or (T, D); each row a run of True, then False; a row may
            be all False. None: all True.
        RETURNS (list[list[int]]): Tag ids, as many as the row has tokens.
        RAISES (ValueError): If shapes disagree, a mask has a hole, an emission or parameter is nan or inf,
            or a row has no legal path.
        """
        if mask is None:
            mask = torch.ones(emissions.shape[:2], dtype=torch.bool, device=emissions.device)
        if not self.batch_first:
            emissions, mask = emissions.transpose(0, 1), mask.transpose(0, 1)
        rows, lengths = self._check(emissions, mask)
        if rows.size == 0:
            return [[] for _ in rows]
        scores = self._legal_scores(disallowed=float("-inf"))
        paths, best = best_paths(columns(emissions, rows), lengths, scores)
        # NaN is the maximum of everything: it would end in an illegal path, without a word.
        broken = np.isnan(best) & (lengths > 0)
        if broken.any():
            raise ValueError(
                f"Expected finite emissions and parameters, got nan or inf for row {broken.argmax()}."
            )
        _check_possible(lengths, impossible=best == float("-inf"))
        return paths

    @torch.no_grad()
    def marginals(self, emissions: Tensor, mask: Tensor) -> Tensor:
        """Compute each token's tag probabilities by forward-backward.

        emissions (Tensor): Float, shape (D, T, K), in nats.
        mask (Tensor): Bool, shape (D, T); each row a run of True, then False; a row may be all False.
        RETURNS (Tensor): Float32, shape (D, T, K); tokens sum to 1 where mask is True, 0 elsewhere. No graph. A row
            with nan or inf holds nan.
        RAISES (ValueError): If shapes disagree, a mask has a hole, or a row has no legal path.
        Source: Sutton & McCallum (2012), An Introduction to CRFs, 4.1.
        """
        rows, lengths = self._check(emissions, mask)
        if rows.size == 0:
            return torch.zeros(emissions.shape, device=emissions.device)
        probabilities = self._sum_paths(columns(emissions, rows), lengths, self._legal_scores()).marginals()
        return (
            torch.from_numpy(probabilities).permute(2, 0, 1).to(emissions.device, torch.float32).contiguous()
        )

    @torch.no_grad()
    def span_log_probabilities(
        self,
        emissions: Tensor,
        mask: Tensor,
        spans: Sequence[Sequence[TaggedSpan]],
        *,
        temperature: float = 1.0,
    ) -> list[list[float]]:
        """Compute the log-probability of exactly these entities, summed over all tags around them.

        That is: B at start, I up to end - 1, and no I at end (or the row ends there). By the chain rule,
        P(B at start) times the conditional probability of each next tag given the one before, so that
        every factor is a normalised one and none is a difference of long sums.

        emissions (Tensor): Float, shape (D, T, K), in nats.
        mask (Tensor): Bool, shape (D, T); each row a run of True, then False; a row may be all False.
        spans (Sequence[Sequence[TaggedSpan]]): For each row, (start, end, B tag id, I tag id); in tokens,
            end exclusive; in any order; they may overlap.
        temperature (float): Above 0; emissions and all transition scores are divided by it. It moves no path past
            another.
        RETURNS (list[list[float]]): In nats, at most 0, -inf if impossible; in the shape of spans.
        RAISES (ValueError): If shapes disagree, a mask has a hole, a row has no legal path, a span is
            empty, out of its row, or has a tag out of range, or the temperature is not above 0.
        Source of the temperature: Guo et al. (2017), On Calibration of Modern Neural Networks, 4.2.
        """
        if not temperature > 0:
            raise ValueError(f"Expected a temperature above 0, got {temperature}.")
        rows, lengths = self._check(emissions, mask)
        self._check_spans(spans, lengths.tolist())
        flat = [(row, *span) for row, row_spans in enumerate(spans) for span in row_spans]
        if not flat:
            return [[] for _ in spans]
        shifted = columns(emissions, rows) / temperature
        scores = self._legal_scores(temperature=temperature)
        found = span_log_probabilities(
            self._sum_paths(shifted, lengths, scores),
            np.array(flat),
            emissions=shifted,
            lengths=lengths,
            transitions=scores.transitions,
        )
        values = iter(found.tolist())
        return [[next(values) for _ in row_spans] for row_spans in spans]

    def _sum_paths(self, emissions: FloatArray, lengths: IntArray, scores: Scores) -> PathSums:
        """RETURNS (PathSums): Of all paths. RAISES (ValueError): If a row has none."""
        sums = sum_paths(emissions, lengths, scores)
        _check_possible(lengths, impossible=sums.log_totals < IMPOSSIBLE)
        return sums

    def _legal_scores(self, *, disallowed: float = DISALLOWED, temperature: float = 1.0) -> Scores:
        return legal_scores(
            self.start_transitions,
            self.transitions,
            self.end_transitions,
            legal_starts=self.legal_starts,
            legal_transitions=self.legal_transitions,
            disallowed=disallowed,
            temperature=temperature,
        )

    def _check(self, emissions: Tensor, mask: Tensor) -> tuple[BoolArray, IntArray]:
        """RETURNS (tuple[BoolArray, IntArray]): The mask (D, T) and each row's length (D,). RAISES (ValueError)."""
        if emissions.dim() != 3 or emissions.size(2) != self.num_tags:
            raise ValueError(
                f"Expected emissions of shape (D, T, {self.num_tags}), got {tuple(emissions.shape)}."
            )
        _check_shape("mask", mask, expected=tuple(emissions.shape[:2]))
        rows = mask.bool().cpu().numpy()
        holes = (rows[:, 1:] & ~rows[:, :-1]).any(axis=1)
        if holes.any():
            raise ValueError(
                "Expected each row of mask to be a run of True, then False, "
                f"got a hole in row {holes.argmax()}."
            )
        return rows, rows.sum(axis=1)

    def _check_spans(self, spans: Sequence[Sequence[TaggedSpan]], lengths: list[int]) -> None:
        if len(spans) != len(lengths):
            raise ValueError(f"Expected spans for {len(lengths)} rows, got {len(spans)}.")
        for row, (row_spans, length) in enumerate(zip(spans, lengths, strict=True)):
            for start, end, *tags in row_spans:
                if not 0 <= start < end <= length:
                    raise ValueError(
                        f"Expected spans with 0 <= start < end <= {length} in row {row}, "
                        f"got start {start} and end {end}."
                    )
                if not all(0 <= tag < self.num_tags for tag in tags):
                    raise ValueError(
                        f"Expected tags from 0 to {self.num_tags - 1} in row {row}, got {tuple(tags)}."
                    )


def _check_possible(lengths: IntArray, *, impossible: BoolArray) -> None:
    impossible = impossible & (lengths > 0)
    if impossible.any():
        raise ValueError(
            "Expected at least one legal tag sequence in each row, "
            f"got none in row {impossible.argmax()}. Check the tags that its tokens may have."
        )


def _check_shape(name: str, tensor: Tensor, *, expected: tuple[int, ...]) -> None:
    if tuple(tensor.shape) != expected:
        raise ValueError(f"Expected {name} of shape {expected}, got {tuple(tensor.shape)}.")


def _check_bool(name: str, tensor: Tensor, *, expected: tuple[int, ...]) -> None:
    if tensor.dtype != torch.bool:
        raise ValueError(f"Expected {name} of type torch.bool, got {tensor.dtype}.")
    _check_shape(name, tensor, expected=expected)
