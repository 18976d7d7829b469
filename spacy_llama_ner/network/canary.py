"""The canary: change a piece, and look on the actual weights whose states move."""

from collections.abc import Container
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


def check_flow(trunk: PreTrainedModel, bidirectional: Container[int] | None) -> None:
    """Check that information flows as configured, in each layer, alone and in a padded batch.

    trunk (PreTrainedModel): The backbone, in evaluation mode.
    bidirectional (Optional[Container[int]]): The layers that see ahead; None for an encoder, which is not looked into.
    RAISES (ValueError): If a layer sees what it should not, or not what it should; or if padding leaks.
    """
    _check_padding(trunk)
    if bidirectional is None or not attention_modules(trunk):
        return
    for padded in (False, True):
        for layer, ahead in enumerate(_layer_flow(trunk, padded=padded)):
            if ahead != (layer in bidirectional):
                raise ValueError(
                    f"attention: layer {layer} of the backbone ({trunk.config.model_type}) "
                    f"{'sees ahead' if ahead else 'does not see ahead'}{' in a padded batch' if padded else ''}, "
                    'which is not as configured. Set attention = "causal", or use another backbone'
                )


def _check_padding(trunk: PreTrainedModel) -> None:
    """Check flow in a padded batch: same direction as without, and nothing leaks from the padding."""
    ahead = sees_ahead(trunk)
    first, second = _probe(trunk)
    mask = torch.ones(2, WINDOW + PADDING, dtype=torch.bool, device=first.device)
    mask[0, WINDOW:] = False
    filler = first[:, :PADDING]
    long = torch.cat([first, filler], dim=1)
    base, changed, leaked = (
        _states(trunk, torch.cat([row, long]), mask)[0, : WINDOW - 1]
        for row in (
            long,
            torch.cat([second, filler], dim=1),
            torch.cat([first, second[:, -PADDING:]], dim=1),
        )
    )
    if _moved(base, changed) != ahead:
        raise ValueError("attention: information flows differently in a padded batch than in a single window")
    if _moved(base, leaked):
        raise ValueError("attention: padding leaks into real pieces; the attention mask is not respected")


def _layer_flow(trunk: PreTrainedModel, *, padded: bool) -> list[bool]:
    """Look into each layer by itself, in one pass: two rows that differ in the last real piece alone when it begins.

    RETURNS (List[bool]): Per layer, whether earlier states move with the last one.
    """
    found = stack(trunk)
    if found is None:
        return []
    first, _ = _probe(trunk)
    ids = first.repeat(2, 1)
    mask = torch.ones_like(ids, dtype=torch.bool)
    if padded:
        ids = torch.cat([ids, ids[:, :PADDING]], dim=1)
        mask = torch.cat([mask, torch.zeros_like(mask[:, :PADDING])], dim=1)
    flow: list[bool] = []

    def before(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple, dict]:
        hidden = args[0] if args else kwargs["hidden_states"]  # (2, P, H)
        hidden = torch.stack([hidden[0], hidden[0]])
        hidden[1, WINDOW - 1] *= -1.0
        return ((hidden, *args[1:]), kwargs) if args else (args, {**kwargs, "hidden_states": hidden})

    def after(_: nn.Module, args: Any, output: Any) -> None:
        hidden = (output[0] if isinstance(output, tuple) else output).float()
        flow.append(_moved(hidden[0, : WINDOW - 1], hidden[1, : WINDOW - 1]))

    handles = [layer.register_forward_pre_hook(before, with_kwargs=True) for layer in found[1]]
    handles += [layer.register_forward_hook(after) for layer in found[1]]
    try:
        _states(trunk, ids, mask)
    finally:
        for handle in handles:
            handle.remove()
    return flow


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
