"""The canary: change a piece, and look on the actual weights whose states move."""

from collections.abc import Container, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from spacy_llama_ner.network.layers import attention_modules, stack

# Largest change, relative to the states' own size, that counts as none. Blocked attention gives exactly 0 in
# every precision, since masked weights are exactly 0; 1e-5 leaves room for kernels that reorder sums.
TOLERANCE = 1e-5
WINDOW = 8  # pieces of the shorter probe
PADDING = 4


def sees_ahead(trunk: PreTrainedModel) -> bool:
    """Change the last of eight pieces and look whether earlier states move.

    trunk (PreTrainedModel): The backbone, in evaluation mode.
    RETURNS (bool): True for bidirectional attention, if only in one layer.
    """
    first, second = _probe(trunk)
    return _moved(_states(trunk, first)[:, :-1], _states(trunk, second)[:, :-1])


def check_flow(
    trunk: PreTrainedModel, bidirectional: Container[int] | None, *, ahead: bool | None = None
) -> None:
    """Check that information flows as configured, in each layer, alone and in a padded batch.

    trunk (PreTrainedModel): The backbone, in evaluation mode.
    bidirectional (Optional[Container[int]]): The layers that see ahead; None for an encoder, which is not looked into.
    ahead (Optional[bool]): What `sees_ahead` says of it, where it has just been asked.
    RAISES (ValueError): If a layer sees what it should not, or not what it should; or if padding leaks.
    """
    found = None if bidirectional is None or not attention_modules(trunk) else stack(trunk)
    layers = None if found is None else found[1]
    padded = _check_padding(trunk, sees_ahead(trunk) if ahead is None else ahead, layers)
    if bidirectional is None or layers is None:
        return
    for flow, place in ((_layer_flow(trunk, layers), ""), (padded, " in a padded batch")):
        for layer, sees in enumerate(flow):
            if sees != (layer in bidirectional):
                raise ValueError(
                    f"attention: layer {layer} of the backbone ({trunk.config.model_type}) "
                    f"{'sees ahead' if sees else 'does not see ahead'}{place}, "
                    'which is not as configured. Set attention = "causal", or use another backbone'
                )


def _check_padding(trunk: PreTrainedModel, ahead: bool, layers: nn.ModuleList | None) -> list[bool]:
    """Check flow in a padded batch: same direction as without, and nothing leaks from the padding.

    Two passes, each row compared with itself: a row's place in a batch may decide how sums are rounded.

    RETURNS (List[bool]): As `_layer_flow`, in this batch.
    """
    first, second = _probe(trunk)
    filler = first[:, :PADDING]
    long = torch.cat([first, filler], dim=1)
    changed = torch.cat([second, filler], dim=1)
    leaked = torch.cat([first, second[:, -PADDING:]], dim=1)
    mask = torch.ones(4, WINDOW + PADDING, dtype=torch.bool, device=first.device)
    mask[:3, WINDOW:] = False
    flow: list[bool] = []
    with _looking_into(layers, flow):
        one = _states(trunk, torch.cat([long, long, long, long]), mask)[:, : WINDOW - 1]
    two = _states(trunk, torch.cat([changed, long, leaked, long]), mask)[:, : WINDOW - 1]
    if _moved(one[0], two[0]) != ahead:
        raise ValueError("attention: information flows differently in a padded batch than in a single window")
    if _moved(one[2], two[2]):
        raise ValueError("attention: padding leaks into real pieces; the attention mask is not respected")
    return flow


def _layer_flow(trunk: PreTrainedModel, layers: nn.ModuleList) -> list[bool]:
    """RETURNS (List[bool]): Per layer, whether earlier states move with the last one."""
    flow: list[bool] = []
    with _looking_into(layers, flow):
        _states(trunk, _probe(trunk)[0].repeat(2, 1))
    return flow


@contextmanager
def _looking_into(layers: nn.ModuleList | None, flow: list[bool]) -> Iterator[None]:
    """Look into each layer by itself, in one pass: when it begins, row 1 becomes row 0 but for the last real piece.

    layers (Optional[ModuleList]): The backbone's; None for none.
    flow (List[bool]): Gets, per layer, whether row 0's and row 1's earlier states differ when it ends.
    """

    def before(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple, dict]:
        hidden = (args[0] if args else kwargs["hidden_states"]).clone()  # (B, P, H)
        hidden[1] = hidden[0]
        hidden[1, WINDOW - 1] *= -1.0
        return ((hidden, *args[1:]), kwargs) if args else (args, {**kwargs, "hidden_states": hidden})

    def after(_: nn.Module, args: Any, output: Any) -> None:
        hidden = (output[0] if isinstance(output, tuple) else output).float()
        flow.append(_moved(hidden[0, : WINDOW - 1], hidden[1, : WINDOW - 1]))

    handles = [layer.register_forward_pre_hook(before, with_kwargs=True) for layer in layers or ()]
    handles += [layer.register_forward_hook(after) for layer in layers or ()]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _probe(trunk: PreTrainedModel) -> tuple[Tensor, Tensor]:
    """RETURNS (Tuple[Tensor, Tensor]): Ids, shape (1, 8), that differ in the last piece only."""
    size = trunk.config.vocab_size
    first = torch.arange(WINDOW, device=next(trunk.parameters()).device).remainder(size).unsqueeze(0)
    second = first.clone()
    second[0, -1] = (first[0, -1] + size // 2) % size
    return first, second


@torch.no_grad()
def _states(trunk: PreTrainedModel, ids: Tensor, mask: Tensor | None = None) -> Tensor:
    mask = torch.ones_like(ids, dtype=torch.bool) if mask is None else mask
    states = trunk(input_ids=ids, attention_mask=mask).last_hidden_state.float()
    if not states.isfinite().all():
        raise ValueError(
            f"the backbone's ({trunk.config.model_type}) states are not numbers or infinite. Its files may be "
            'damaged, or backbone.dtype = "float16" too small for it: "bfloat16" and "float32" have room'
        )
    return states


def _moved(first: Tensor, second: Tensor) -> bool:
    """Compare position by position: the first state of many models is thousands of times as large as the others."""
    change, size = (first - second).abs().amax(-1), first.abs().amax(-1)
    return bool((change > TOLERANCE * size).any())
