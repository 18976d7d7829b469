"""A linear-chain CRF that knows legal transitions, missing annotation, empty rows and long sequences.

All methods share one recursion over time (`_forward`): the backward pass is the same recursion on the
reversed rows with transposed transitions, so forward and backward (or numerator and denominator) run
stacked in a single loop.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
import torchcrf
from torch import Tensor
from torch.nn import functional as F

from spacy_llama_ner.network.chain import BoolArray, IntArray, Scores, columns, legal_scores
from spacy_llama_ner.network.viterbi import best_paths

# The score of what is not allowed. Finite, because a log-sum-exp over -inf alone has NaN gradients; far
# beyond any sum of real scores.
DISALLOWED = -1e30
# A path's score below this went through something disallowed.
_IMPOSSIBLE = DISALLOWED / 2

TaggedSpan = tuple[int, int, int, int]  # start, end (exclusive), id of the B tag, id of the I tag


class CRF(torchcrf.CRF):
    """A `torchcrf.CRF` with the same parameters and names, that only knows legal tag sequences.

    Shapes: D rows (Docs), T tokens, K tags. `forward` and `decode` follow `batch_first` like torchcrf; the
    other methods always take D first. Parameters stay in float32 when the module is cast to half precision;
    all sums run in float64 (on mps, which has none, in float32), whatever comes in. Emissions and parameters
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
        RETURNS (Tensor): Float64, shape (D,) for "none", else (); 0 for a row without tokens.
        RAISES (ValueError): If the reduction is unknown, shapes disagree, a tag is out of range or a
            sequence is not legal.
        """
        if reduction not in ("none", "sum", "mean", "token_mean"):
            raise ValueError(f"Expected reduction 'none', 'sum', 'mean' or 'token_mean', got {reduction!r}.")
        if tags.shape != emissions.shape[:2]:
            raise ValueError(f"Expected tags of shape {tuple(emissions.shape[:2])}, got {tuple(tags.shape)}.")
        mask = torch.ones_like(tags, dtype=torch.bool) if mask is None else mask.bool()
        _check_shape("mask", mask, expected=tuple(tags.shape))
        tags = tags.long().masked_fill(~mask, 0)
        if tags.numel() and not 0 <= int(tags.min()) <= int(tags.max()) < self.num_tags:
            raise ValueError(
                f"Expected tags from 0 to {self.num_tags - 1} where mask is True, "
                f"got {int(tags.min())} to {int(tags.max())}."
            )
        if not self.batch_first:
            emissions, tags, mask = emissions.transpose(0, 1), tags.transpose(0, 1), mask.transpose(0, 1)

        log_likelihood = self.log_likelihood(emissions, F.one_hot(tags, self.num_tags).bool(), mask)
        if reduction == "none":
            return log_likelihood
        if reduction == "mean":
            return log_likelihood.mean()
        if reduction == "token_mean":
            return log_likelihood.sum() / mask.sum().clamp(min=1)
        return log_likelihood.sum()

    def log_likelihood(self, emissions: Tensor, allowed: Tensor, mask: Tensor) -> Tensor:
        """Compute the log-probability that each row's tags are among the allowed ones (constrained forward).

        A fully annotated token allows one tag, an unannotated one all: its tags are summed over.

        emissions (Tensor): Float, shape (D, T, K), in nats.
        allowed (Tensor): Bool, shape (D, T, K): the tags each token may have; ignored where mask is False.
        mask (Tensor): Bool, shape (D, T); each row a run of True, then False; a row may be all False.
        RETURNS (Tensor): Float64, shape (D,); 0 for a row without tokens.
        RAISES (ValueError): If shapes disagree, a mask has a hole, or a row has no legal path.
        Source: Tsuboi et al. (2008), Training Conditional Random Fields Using Incomplete
            Annotations (COLING).
        """
        emissions, mask, lengths = self._prepare(emissions, mask)
        _check_bool("allowed", allowed, expected=tuple(emissions.shape))
        if emissions.size(1) == 0:
            return emissions.sum(dim=(1, 2))  # zeros, with a graph
        start, transitions, end = self._scores(emissions.dtype, disallowed=DISALLOWED)
        numerator = emissions.masked_fill(~allowed, DISALLOWED)
        stacked = torch.stack([numerator, emissions])  # (2, D, T, K)
        alphas, shifts = _forward(stacked.permute(2, 0, 1, 3), start, transitions.T)

        rows = torch.arange(len(lengths), device=lengths.device)
        last = lengths.clamp(min=1) - 1
        final = torch.logsumexp(alphas[last, :, rows] + end, dim=-1)  # (D, 2)
        totals = final[:, 0] + shifts[:, 0].cumsum(0)[last, rows]
        _check_possible(lengths.cpu().numpy(), impossible=(totals < _IMPOSSIBLE).cpu().numpy())
        # The shifts' difference before their sum: both sums are large, what is left is not.
        shift = (shifts[:, 0] - shifts[:, 1]).cumsum(0)[last, rows]  # (D,)
        return torch.where(lengths > 0, final[:, 0] - final[:, 1] + shift, 0.0)

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
        RETURNS (Tensor): Float32, shape (D, T, K); rows sum to 1 where mask is True, 0 elsewhere. No graph.
        RAISES (ValueError): If shapes disagree, a mask has a hole, or a row has no legal path.
        Source: Sutton & McCallum (2012), An Introduction to CRFs, 4.1.
        """
        emissions, mask, lengths = self._prepare(emissions, mask)
        before, after = self._forward_backward(emissions, lengths)
        probabilities = torch.softmax(before + after - emissions, dim=2)
        return probabilities.masked_fill(~mask.unsqueeze(2), 0.0).float()

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
        emissions, mask, lengths = self._prepare(emissions, mask)
        self._check_spans(spans, lengths.tolist())
        flat = [(row, *span) for row, row_spans in enumerate(spans) for span in row_spans]
        if not flat:
            return [[] for _ in spans]
        if temperature != 1.0:
            emissions = emissions / temperature
        before, after = self._forward_backward(emissions, lengths, temperature=temperature)
        _, transitions, _ = self._scores(emissions.dtype, disallowed=DISALLOWED, temperature=temperature)
        row, start, end, begin, inside = torch.tensor(flat, device=emissions.device).unbind(1)  # each (N,)

        def next_tag(rows: Tensor, positions: Tensor, previous: Tensor) -> Tensor:
            """Compute the log-probabilities (N, K) of the tags at some positions, given the one before."""
            return torch.log_softmax(transitions[previous] + after[rows, positions], dim=1)

        # B at start
        first = before[row, start] + after[row, start] - emissions[row, start]  # (N, K)
        result = torch.log_softmax(first, dim=1).gather(1, begin.unsqueeze(1)).squeeze(1)  # (N,)

        # I at start + 1 ... end - 1: M tokens of all spans together
        n_inside = end - start - 1
        owner = torch.arange(len(flat), device=row.device).repeat_interleave(n_inside)  # (M,)
        offset = torch.arange(len(owner), device=row.device) - (n_inside.cumsum(0) - n_inside)[owner]
        previous = torch.where(offset == 0, begin[owner], inside[owner])
        steps = next_tag(row[owner], start[owner] + 1 + offset, previous)  # (M, K)
        result = result.index_add(0, owner, steps.gather(1, inside[owner].unsqueeze(1)).squeeze(1))

        # no I at end
        previous = torch.where(n_inside == 0, begin, inside)
        closing = next_tag(row, end.clamp(max=emissions.size(1) - 1), previous)  # (N, K)
        closed = closing.scatter(1, inside.unsqueeze(1), DISALLOWED).logsumexp(dim=1)  # (N,)
        result = result + torch.where(end < lengths[row], closed, 0.0)

        values = iter(result.masked_fill(result < _IMPOSSIBLE, float("-inf")).clamp(max=0.0).tolist())
        return [[next(values) for _ in row_spans] for row_spans in spans]

    def _forward_backward(
        self, emissions: Tensor, lengths: Tensor, *, temperature: float = 1.0
    ) -> tuple[Tensor, Tensor]:
        """Sum over the paths up to and from each token.

        emissions (Tensor): Shape (D, T, K), from `_prepare`, divided by the temperature.
        lengths (Tensor): Int, shape (D,).
        temperature (float): What the transition scores are divided by.
        RETURNS (tuple[Tensor, Tensor]): Two of shape (D, T, K), each up to a constant per token: the log-sum
            of the scores of all paths that end, and that start, in a tag at a token. Both have the token's
            own emission in.
        """
        if emissions.numel() == 0:
            return emissions, emissions
        start, transitions, end = self._scores(
            emissions.dtype, disallowed=DISALLOWED, temperature=temperature
        )
        positions = torch.arange(emissions.size(1), device=emissions.device)
        mirror = (lengths.unsqueeze(1) - 1 - positions).clamp(min=0)  # (D, T), its own inverse
        mirror = mirror.unsqueeze(2).expand_as(emissions)

        stacked = torch.stack([emissions, emissions.gather(1, mirror)])  # (2, D, T, K)
        alphas, shifts = _forward(
            stacked.permute(2, 0, 1, 3),
            torch.stack([start, end]).unsqueeze(1),
            torch.stack([transitions.T, transitions]).unsqueeze(1),
        )
        rows = torch.arange(len(lengths), device=lengths.device)
        last = lengths.clamp(min=1) - 1
        totals = alphas[last, 0, rows].amax(dim=1) + shifts[:, 0].cumsum(0)[last, rows]
        _check_possible(lengths.cpu().numpy(), impossible=(totals < _IMPOSSIBLE).cpu().numpy())
        before, after = alphas.permute(1, 2, 0, 3).unbind(0)  # each (D, T, K)
        return before, after.gather(1, mirror)

    def _scores(
        self, dtype: torch.dtype, *, disallowed: float, temperature: float = 1.0
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Give start (K,), transition (K, K) and end (K,) scores, with `disallowed` for what is not legal."""
        start, transitions, end = (
            scores.to(dtype) / temperature
            for scores in (self.start_transitions, self.transitions, self.end_transitions)
        )
        start = start.masked_fill(~self.legal_starts, disallowed)
        return start, transitions.masked_fill(~self.legal_transitions, disallowed), end

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

    def _prepare(self, emissions: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Check the shapes, and cast and shift the emissions.

        RETURNS (tuple[Tensor, Tensor, Tensor]): Emissions (D, T, K) with 0 as each token's maximum (a shift
            that no result depends on) and 0 in the padding; bool mask (D, T); int lengths (D,).
        """
        if emissions.dim() != 3 or emissions.size(2) != self.num_tags:
            raise ValueError(
                f"Expected emissions of shape (D, T, {self.num_tags}), got {tuple(emissions.shape)}."
            )
        _check_shape("mask", mask, expected=tuple(emissions.shape[:2]))
        mask = mask.bool()
        holes = (mask[:, 1:] & ~mask[:, :-1]).any(dim=1)
        if holes.any():
            raise ValueError(
                "Expected each row of mask to be a run of True, then False, "
                f"got a hole in row {_first(holes)}."
            )
        emissions = emissions.to(_sum_dtype(emissions.device)).masked_fill(~mask.unsqueeze(2), 0.0)
        emissions = emissions - emissions.detach().amax(dim=2, keepdim=True)
        return emissions, mask, mask.sum(dim=1)

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


def _forward(emissions: Tensor, start: Tensor, to_from: Tensor) -> tuple[Tensor, Tensor]:
    """Run the forward recursion of R stacked problems in one loop over time.

    emissions (Tensor): Shape (T, R, D, K), T at least 1.
    start (Tensor): Broadcasts to (R, D, K).
    to_from (Tensor): Transition scores as [..., to, from]; broadcasts to (R, D, K, K).
    RETURNS (tuple[Tensor, Tensor]): Alphas (T, R, D, K), each with a maximum of 0, and shifts (T, R, D): the
        true alpha at t is the alpha plus the sum of the shifts up to t. The shifts have no graph. They keep
        float32 (mps) right on long rows too.
    """
    alpha = start
    alphas, shifts = [], []
    for t, step in enumerate(emissions.unbind(0)):
        arriving = alpha if t == 0 else torch.logsumexp(alpha.unsqueeze(-2) + to_from, dim=-1)
        alpha = arriving + step  # (R, D, K)
        shift = alpha.detach().amax(dim=-1, keepdim=True)
        alpha = alpha - shift
        alphas.append(alpha)
        shifts.append(shift.squeeze(-1))
    return torch.stack(alphas), torch.stack(shifts)


def _check_possible(lengths: IntArray, *, impossible: BoolArray) -> None:
    impossible = impossible & (lengths > 0)
    if impossible.any():
        raise ValueError(
            "Expected at least one legal tag sequence in each row, "
            f"got none in row {impossible.argmax()}. Check the tags that its tokens may have."
        )


def _sum_dtype(device: torch.device) -> torch.dtype:
    return torch.float32 if device.type == "mps" else torch.float64


def _first(rows: Tensor) -> int:
    return int(rows.nonzero()[0])


def _check_shape(name: str, tensor: Tensor, *, expected: tuple[int, ...]) -> None:
    if tuple(tensor.shape) != expected:
        raise ValueError(f"Expected {name} of shape {expected}, got {tuple(tensor.shape)}.")


def _check_bool(name: str, tensor: Tensor, *, expected: tuple[int, ...]) -> None:
    if tensor.dtype != torch.bool:
        raise ValueError(f"Expected {name} of type torch.bool, got {tensor.dtype}.")
    _check_shape(name, tensor, expected=expected)
