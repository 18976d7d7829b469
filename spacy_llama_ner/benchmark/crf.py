"""The CRF beside pytorch-crf: Viterbi and a training step, on many short rows and on a single long one."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Any

import torch
import torchcrf
from torch import Tensor

from spacy_llama_ner.benchmark.figures import Figure, make_report
from spacy_llama_ner.benchmark.timing import ratio, time_in_turns
from spacy_llama_ner.evaluation.tables import Table
from spacy_llama_ner.network.crf import CRF

OURS, THEIRS = "llama_crf_ner", "pytorch-crf"
MOST_DIFFERENCE = 1e-9


@dataclass(frozen=True, slots=True)
class Shape:
    """Rows of a batch, with what is expected of them.

    rows (int): D.
    tokens (int): T, the length of each.
    decode (float): The least speed of Viterbi, as a multiple of pytorch-crf's.
    step (float): The same of a training step.
    dtype (torch.dtype): Of emissions and pytorch-crf's parameters.
    rounds (int): That count.
    """

    rows: int
    tokens: int
    decode: float
    step: float
    dtype: torch.dtype
    rounds: int

    def __str__(self) -> str:
        return f"{self.rows} x {self.tokens:,}"


# pytorch-crf's sums in float32 lose digits on long rows.
SHAPES = (
    Shape(64, 32, decode=5.0, step=3.0, dtype=torch.float32, rounds=40),
    Shape(1, 20_000, decode=10.0, step=20.0, dtype=torch.float64, rounds=3),
)


@dataclass(frozen=True)
class Problem:
    """The same CRF on both sides, and a batch.

    crfs (dict): By side.
    emissions (Tensor): Shape (D, T, K).
    tags (Tensor): Int, shape (D, T).
    mask (Tensor): Bool, shape (D, T), all True: without one pytorch-crf makes one of a type that torch warns of.
    """

    crfs: dict[str, torchcrf.CRF]
    emissions: Tensor
    tags: Tensor
    mask: Tensor

    def decode(self, side: str) -> list[list[int]]:
        """RETURNS (list[list[int]]): The best paths."""
        return self.crfs[side].decode(self.emissions, self.mask)

    def step(self, side: str) -> list[Tensor]:
        """RETURNS (list[Tensor]): The loss, and its gradients by emissions and parameters."""
        crf, emissions = self.crfs[side], self.emissions.detach().requires_grad_()
        crf.zero_grad()
        loss = -crf(emissions, self.tags, self.mask)
        loss.backward()
        gradients = [tensor.grad for tensor in (emissions, *crf.parameters()) if tensor.grad is not None]
        return [loss.detach(), *(gradient.clone() for gradient in gradients)]


def make_problem(shape: Shape, n_tags: int, dtype: torch.dtype, *, seed: int = 0) -> Problem:
    """RETURNS (Problem): Random scores, of the size that a trained network gives, and random tags."""
    generator = torch.Generator().manual_seed(seed)
    theirs = torchcrf.CRF(n_tags, batch_first=True).to(dtype)
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
    ours = CRF(n_tags)
    ours.to(dtype).load_state_dict(theirs.state_dict())
    size = (shape.rows, shape.tokens)
    emissions = torch.randn(*size, n_tags, generator=generator, dtype=torch.float64) * 3
    tags = torch.randint(0, n_tags, size, generator=generator)
    return Problem(
        {OURS: ours, THEIRS: theirs}, emissions.to(dtype), tags, torch.ones(size, dtype=torch.bool)
    )


def measure_crf(shapes: Sequence[Shape] = SHAPES, *, n_tags: int, rounds: float = 1.0) -> dict[str, Any]:
    """Time both sides in turns, on the process's own time; before that, compare what they give in float64.

    shapes (Sequence[Shape]): What to measure.
    n_tags (int): K.
    rounds (float): How many times each shape's own number of rounds.
    RETURNS (dict): A report, see `make_report`.
    """
    figures, rows = [], []
    for shape in shapes:
        problem = make_problem(shape, n_tags, shape.dtype)
        jobs: dict[str, Callable[[str], object]] = {"decode": problem.decode, "training step": problem.step}
        for job, run in jobs.items():
            seconds = time_in_turns(
                {side: partial(run, side) for side in problem.crfs},
                rounds=max(1, round(shape.rounds * rounds)),
                clock=time.process_time,
            )
            speed = ratio(seconds[THEIRS], seconds[OURS])
            bar = shape.decode if job == "decode" else shape.step
            figures.append(Figure(f"{job}, {shape}, against pytorch-crf", speed, bar))
            times = (f"{median(seconds[side]) * 1e3:,.2f}" for side in (OURS, THEIRS))
            rows.append((str(shape), job, *times, f"{speed:.1f}x"))
        difference = _difference(make_problem(shape, n_tags, torch.float64))
        figures.append(Figure(f"difference, {shape}, float64", difference, MOST_DIFFERENCE, "", least=False))
    notes = [
        f"{n_tags} tags, medians of rounds in turns. A training step is the log-likelihood of a batch and its "
        "gradients by emissions and parameters. Ours sums in float64 always; pytorch-crf has float32 for the many "
        "short rows and float64 for the long one. The difference is the largest of loss and gradients in float64, "
        "relative to the largest value of each; 1 if the best paths differ."
    ]
    return make_report(
        "crf",
        figures,
        [Table("Milliseconds", ("rows x tokens", "", OURS, THEIRS, "speed"), rows, notes)],
        settings={"n_tags": n_tags, "rounds": rounds, "shapes": [str(shape) for shape in shapes]},
    )


def _difference(problem: Problem) -> float:
    if problem.decode(OURS) != problem.decode(THEIRS):
        return 1.0
    pairs = zip(problem.step(OURS), problem.step(THEIRS), strict=True)
    return max(float((ours - theirs).abs().max() / theirs.abs().max()) for ours, theirs in pairs)
