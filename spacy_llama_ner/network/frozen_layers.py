"""Frozen layers below the first trained one: computed once for each window, and kept over epochs.

They are a pure function of a window's pieces as long as nothing in them is trained and they drop nothing: so while
their states are kept, they compute in evaluation mode. Llama drops nothing anyway; BERT's frozen layers would.

The backbone's own forward pass runs in both cases, whatever the model: it makes its masks and positions as ever. On the
way down it stops after the last frozen layer; on the way up the frozen layers are skipped and hand the kept states on.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from spacy_llama_ner.network.layers import stack

logger = logging.getLogger("spacy_llama_ner")

MEGABYTE = 2**20
# Of the states' own size: how far two ways to compute them may be apart, in float32 and in 16 bits.
TOLERANCE = {torch.float32: 1e-4}
TOLERANCE_NARROW = 3e-2

Forward = Callable[[Tensor, Tensor], Tensor]


class _Reached(Exception):
    """The states that were wanted are there; the rest of the forward pass is not needed."""


class FrozenLayers:
    """The lower layers of a backbone, and what they gave for each window so far.

    States are kept in main memory, in the precision that they are computed in. Where there is no more room nothing is
    thrown away for others: an epoch reads each window once, so what was read last would be needed last.

    trunk (PreTrainedModel): The backbone, with or without adapters.
    first (int): The first layer in which something is trained; all of them if none is. See `first_trained_layer`.
    megabytes (int): The most that is kept, in 2^20 bytes.
    """

    def __init__(self, trunk: PreTrainedModel, first: int, megabytes: int) -> None:
        found = stack(trunk)
        if found is None or not 0 < first <= len(found[1]):
            raise ValueError(f"expected a backbone with layers and one of them, not the first, got {first}")
        self.trunk = trunk
        self.layers = list(found[1])[:first]
        self.room = megabytes * MEGABYTE
        self.size = 0  # bytes
        self._kept: dict[bytes, Tensor] = {}
        self._is_full = False
        self._outputs = 0  # how many the last frozen layer gives, in a tuple; 0 for states alone

    def __len__(self) -> int:
        """RETURNS (int): Windows whose states are kept."""
        return len(self._kept)

    def clear(self) -> None:
        """Forget all states."""
        self._kept.clear()
        self.size, self._is_full = 0, False

    def hidden(self, forward: Forward, ids: Tensor, mask: Tensor) -> Tensor:
        """Compute the backbone's last states, with the graph of the layers that are trained.

        forward (Callable): The backbone's forward pass: ids and mask to last states.
        ids (Tensor): Int64, shape (B, P).
        mask (Tensor): Bool, shape (B, P); each row a run of True, then False.
        RETURNS (Tensor): Shape (B, P, H).
        """
        lengths = mask.sum(dim=1).tolist()
        pieces = ids.cpu().numpy()
        keys = [pieces[row, :length].tobytes() for row, length in enumerate(lengths)]
        missing = [row for row, key in enumerate(keys) if key not in self._kept]
        if len(missing) == len(keys):
            states = self._compute(forward, ids, mask)  # (B, P, H)
            new = {keys[row]: states[row, : lengths[row]] for row in missing}
        else:
            new = {}
            if missing:
                longest = max(lengths[row] for row in missing)
                computed = self._compute(forward, ids[missing, :longest], mask[missing, :longest])
                new = {keys[row]: rows[: lengths[row]] for row, rows in zip(missing, computed, strict=True)}
            parts = [new[key] if key in new else self._kept[key].to(ids.device) for key in keys]
            states = parts[0].new_zeros(*ids.shape, parts[0].shape[-1])  # (B, P, H)
            for row, part in enumerate(parts):
                states[row, : len(part)] = part
        self._keep(new)
        with self._skipped(states):
            return forward(ids, mask)

    @torch.no_grad()
    def _compute(self, forward: Forward, ids: Tensor, mask: Tensor) -> Tensor:
        """RETURNS (Tensor): The states after the last frozen layer, shape (B, P, H)."""
        states: list[Tensor] = []

        def stop(_: nn.Module, args: Any, output: Any) -> None:
            self._outputs = len(output) if isinstance(output, tuple) else 0
            states.append(output[0] if isinstance(output, tuple) else output)
            raise _Reached

        handle = self.layers[-1].register_forward_hook(stop)
        training = [module for module in self.trunk.modules() if module.training]
        self.trunk.eval()
        try:
            forward(ids, mask)
        except _Reached:
            pass
        finally:
            handle.remove()
            for module in training:
                module.training = True  # not train(), which goes on to what is inside
        return states[0]

    def _keep(self, states: dict[bytes, Tensor]) -> None:
        for key, rows in states.items():
            size = rows.numel() * rows.element_size()
            if key in self._kept:
                continue
            if self.size + size > self.room:
                if not self._is_full:
                    self._is_full = True
                    logger.warning(
                        "cache_frozen_layers: the states of %d windows fill %.0f MB; those of others are computed "
                        "each time. This is said once.",
                        len(self._kept),
                        self.room / MEGABYTE,
                    )
                return
            self._kept[key] = rows.detach().to("cpu", copy=True)  # a copy: a view would keep the whole batch
            self.size += size

    @contextmanager
    def _skipped(self, states: Tensor) -> Iterator[None]:
        """Let the frozen layers hand on these states, shape (B, P, H), instead of computing."""

        def skip(*_: Any, **__: Any) -> Any:
            return (states, *(None for _ in range(self._outputs - 1))) if self._outputs else states

        # An instance's own attribute goes before its class's method.
        for layer in self.layers:
            layer.forward = skip
        try:
            yield
        finally:
            for layer in self.layers:
                del layer.forward


def first_trained_layer(trunk: PreTrainedModel, unfrozen: list[list[str]]) -> int:
    """Say from which layer on something is, or will be, trained.

    trunk (PreTrainedModel): The backbone, with or without adapters.
    unfrozen (List[List[str]]): From `unfreezing.unfreeze`.
    RETURNS (int): Its number; as many as there are layers if nothing in them is trained.
    RAISES (ValueError): If nothing is frozen before what is trained, or no layers are found.
    """
    found = stack(trunk)
    if found is None:
        raise ValueError(
            f"cache_frozen_layers: this backbone ({trunk.config.model_type}) has no list of layers that could be "
            "found; set it to 0"
        )
    prefix, layers = found
    names = [name for name, _ in trunk.named_parameters()]
    begin = min(place for place, name in enumerate(names) if name.startswith(f"{prefix}."))
    trained = {name for group in unfrozen for name in group}
    first = len(layers)
    for place, name in enumerate(names):
        if ".lora_" not in name and name.replace(".base_layer.", ".") not in trained:
            continue
        if name.startswith(f"{prefix}."):
            first = min(first, int(name.removeprefix(f"{prefix}.").partition(".")[0]))
        elif place < begin:
            first = 0
    if first == 0:
        raise ValueError(
            "cache_frozen_layers: this backbone is trained from its first layer on, so there is nothing to keep. Set "
            "lora_layers, such as 2 for adapters in the last two layers alone, or cache_frozen_layers = 0"
        )
    return first


def check_frozen(frozen: FrozenLayers, forward: Forward) -> None:
    """Check on the weights themselves that states are the same with and without the frozen layers skipped.

    frozen (FrozenLayers): Empty; it is empty again afterwards.
    forward (Callable): The backbone's forward pass, in evaluation mode.
    RAISES (ValueError): If they differ: a model that is built in another way.
    """
    device = next(frozen.trunk.parameters()).device
    ids = torch.arange(16, device=device).remainder(frozen.trunk.config.vocab_size).view(2, 8)
    mask = torch.arange(8, device=device) < torch.tensor([[8], [5]], device=device)
    name = frozen.trunk.config.model_type
    try:
        with torch.no_grad():
            plain = forward(ids, mask)[mask].float()
            computed, kept = (frozen.hidden(forward, ids, mask)[mask].float() for _ in range(2))
    except (TypeError, ValueError, IndexError, AttributeError) as error:
        raise ValueError(
            f"cache_frozen_layers: the layers of this backbone ({name}) cannot be skipped ({error}); set it to 0"
        ) from error
    finally:
        frozen.clear()
    size = plain.abs().max()
    tolerance = TOLERANCE.get(frozen.trunk.dtype, TOLERANCE_NARROW) * size
    if not ((computed - plain).abs().max() <= tolerance and (kept - plain).abs().max() <= tolerance):
        raise ValueError(
            f"cache_frozen_layers: this backbone ({name}) gives other states when its frozen layers are skipped; "
            "set it to 0"
        )
