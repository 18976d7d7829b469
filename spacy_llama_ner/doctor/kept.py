"""Measure what autograd keeps for the backward pass: the check on the arithmetic of `activations.py`."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn


@dataclass
class Count:
    """Bytes seen so far."""

    size: int = 0


@contextmanager
def count_kept(network: "nn.Module") -> Iterator[Count]:
    """Count the storages that graphs built inside keep, each once; weights and buffers of the network do not count.

    A storage that is freed inside, and another one in its place, count as one.

    network (Module): Whose weights to leave out.
    YIELDS (Count): Bytes, when it ends.
    """
    import torch

    seen = {tensor.untyped_storage().data_ptr() for tensor in [*network.parameters(), *network.buffers()]}
    count = Count()

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in seen:
            seen.add(storage.data_ptr())
            count.size += storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        yield count
