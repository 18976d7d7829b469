"""Group sequences of similar length so that little of a batch is padding."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor


def by_length(lengths: Sequence[int], budget: int) -> Iterator[list[int]]:
    """Group sequences, shortest first, so that a padded group stays within a budget.

    lengths (Sequence[int]): One per sequence.
    budget (int): Most items of a padded group; a longer sequence gets a group of its own.
    YIELDS (List[int]): Indices into `lengths`.
    """
    group: list[int] = []
    for index in sorted(range(len(lengths)), key=lengths.__getitem__):
        if group and lengths[index] * (len(group) + 1) > budget:
            yield group
            group = []
        group.append(index)
    if group:
        yield group


def pad_ids(windows: Sequence[Sequence[int]], device: torch.device) -> tuple[Tensor, Tensor]:
    """RETURNS (Tuple[Tensor, Tensor]): Int64 ids (0 in the padding) and bool mask, shape (B, P)."""
    longest = max(map(len, windows))
    ids = torch.tensor([[*window, *([0] * (longest - len(window)))] for window in windows])
    lengths = torch.tensor([len(window) for window in windows])
    mask = torch.arange(longest) < lengths.unsqueeze(1)
    return ids.to(device), mask.to(device)


def pad_docs(rows: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """RETURNS (Tuple[Tensor, Tensor]): Rows of shape (T, K) as (D, T, K), and their bool mask (D, T)."""
    padded = torch.nn.utils.rnn.pad_sequence(list(rows), batch_first=True)
    lengths = torch.tensor([len(row) for row in rows], device=padded.device)
    return padded, torch.arange(padded.shape[1], device=padded.device) < lengths.unsqueeze(1)
