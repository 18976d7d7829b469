"""Group sequences of similar length so that little of a batch is padding."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

# What it costs to start a group, in pieces that could be computed instead, and how many pieces are enough. On CPUs a
# larger group leaves the caches: MiniLM (22M parameters) reads CoNLL-2003's dev set in groups of 512 pieces 1.5 times
# as fast as in groups of 8,192 in float32. In bfloat16 a piece takes a third of that, and half of the caches.
START_ON_CPU = {torch.float32: 40, torch.bfloat16: 100}
MOST_ON_CPU = {torch.float32: 512, torch.bfloat16: 2048}
# A GPU takes as long to start a small group as a large one, so there the batches of training (8 sentences, at most
# about 600 pieces) are not parted. Reasoned, not measured: at 1B, 2,048 pieces compute longer than they take to start.
START_ON_GPU = 2048


def backbone_groups(
    lengths: Sequence[int], budget: int, device: torch.device, dtype: torch.dtype = torch.float32
) -> list[list[int]]:
    """Group windows for the backbone.

    lengths (Sequence[int]): Pieces of each window.
    budget (int): Most pieces of a group, padding included; a longer window gets a group of its own.
    device (device): Where the backbone is.
    dtype (dtype): What it computes in.
    RETURNS (List[List[int]]): Indices into `lengths`, by groups; the longest windows come first, so that a budget that
        memory does not bear shows at once.
    """
    if device.type == "cpu":
        known = dtype if dtype in MOST_ON_CPU else torch.bfloat16
        groups = cheapest_groups(lengths, min(budget, MOST_ON_CPU[known]), start=START_ON_CPU[known])
    else:
        groups = cheapest_groups(lengths, budget, start=START_ON_GPU)
    return groups[::-1]


def cheapest_groups(lengths: Sequence[int], budget: int, *, start: int) -> list[list[int]]:
    """Group sequences so that padded items, and starts of groups, cost least in all.

    Exact, by dynamic programming: some best grouping takes the sequences in the order of their lengths.

    lengths (Sequence[int]): One per sequence.
    budget (int): Most items of a padded group; a longer sequence gets a group of its own.
    start (int): What a group costs beside its items, in items.
    RETURNS (List[List[int]]): Indices into `lengths`, by groups, shortest first.
    """
    order = np.argsort(lengths, kind="stable")
    sizes = np.asarray(lengths, dtype=np.int64)[order]
    cost = np.zeros(
        len(sizes) + 1, dtype=np.int64
    )  # of the cheapest grouping of so many sequences, shortest first
    begin = np.zeros(len(sizes) + 1, dtype=np.int64)  # where its last group begins
    for end, longest in enumerate(sizes.tolist(), start=1):
        first = max(0, end - max(1, budget // longest)) if longest else 0
        costs = cost[first:end] + longest * np.arange(end - first, 0, -1)
        best = int(costs.argmin())
        begin[end] = first + best
        cost[end] = costs[best] + start
    groups = []
    end = len(sizes)
    while end:
        groups.append(order[begin[end] : end].tolist())
        end = int(begin[end])
    return groups[::-1]


def pad_ids(windows: Sequence[Sequence[int]], device: torch.device) -> tuple[Tensor, Tensor]:
    """RETURNS (Tuple[Tensor, Tensor]): Int64 ids (0 in the padding) and bool mask, shape (B, P)."""
    lengths = torch.tensor([len(window) for window in windows])
    longest = int(lengths.max())
    ids = torch.tensor([[*window, *([0] * (longest - len(window)))] for window in windows])
    mask = torch.arange(longest) < lengths.unsqueeze(1)
    return move(ids, device), move(mask, device)


def move(values: np.ndarray | Tensor, device: torch.device) -> Tensor:
    """RETURNS (Tensor): On the device; a GPU need not be waited for, since they travel from pinned memory."""
    tensor = torch.as_tensor(values)
    if device.type == "cuda":
        tensor = tensor.pin_memory()
    return tensor.to(device, non_blocking=True)


def pad_docs(rows: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """RETURNS (Tuple[Tensor, Tensor]): Rows of shape (T, K) as (D, T, K), and their bool mask (D, T)."""
    padded = torch.nn.utils.rnn.pad_sequence(list(rows), batch_first=True)
    lengths = torch.tensor([len(row) for row in rows], device=padded.device)
    return padded, torch.arange(padded.shape[1], device=padded.device) < lengths.unsqueeze(1)
