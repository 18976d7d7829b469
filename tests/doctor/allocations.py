"""What torch has allocated at most on a CPU, to the byte: each storage from its first to its last tensor."""

import weakref
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter


class Allocations(TorchDispatchMode):
    """Count the storages that are made inside of the `with` block.

    live, peak (int): Bytes now, and at most; attributes. Work space inside of an operation does not count.
    """

    def __init__(self) -> None:
        super().__init__()
        self.live = 0
        self.peak = 0
        self._sizes: dict[int, int] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        given = {
            tensor.untyped_storage()._cdata for tensor in tree_iter((args, kwargs)) if _is_tensor(tensor)
        }
        for tensor in tree_iter(result):
            if not _is_tensor(tensor):
                continue
            storage = tensor.untyped_storage()
            if storage._cdata not in self._sizes and storage._cdata not in given:
                self._sizes[storage._cdata] = storage.nbytes()
                self.live += storage.nbytes()
                self.peak = max(self.peak, self.live)
                weakref.finalize(storage, self._free, storage._cdata)
        return result

    def _free(self, key: int) -> None:
        self.live -= self._sizes.pop(key, 0)


def _is_tensor(value: Any) -> bool:
    return isinstance(value, torch.Tensor)
