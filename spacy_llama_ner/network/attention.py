"""Who sees whom: causal attention, bidirectional, or bidirectional in a range of layers; for each kernel.

Several well-known ways to make a decoder bidirectional change nothing, silently (`config.is_decoder`,
overriding `_update_causal_mask`), or work only without padding (`is_causal = False`). So nothing here is
believed: `canary` measures how information flows.

One route for every kernel: the registered mask hands the padding on in two dimensions, and the registered attention
makes of it what its layer needs.
"""

import sys
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.modeling_flash_attention_utils import _flash_attention_forward
from transformers.models.llama import modeling_llama

from spacy_llama_ner.network.canary import check_flow, sees_ahead
from spacy_llama_ner.network.layers import attention_modules, layer_range

BIDIRECTIONAL = "spacy_llama_ner_bidirectional"
# Set on an attention module that stays causal while others do not.
CAUSAL = "spacy_llama_ner_causal"

AttentionOutput = tuple[Tensor, Tensor | None]


def set_attention(trunk: PreTrainedModel, attention: str) -> None:
    """Make the backbone attend as configured and verify it on its weights.

    trunk (PreTrainedModel): A decoder or an encoder.
    attention (str): "causal", "bidirectional", or "bidirectional[START:END]" for a range of layers.
    RAISES (ValueError): If information does not flow as configured, leaks from padding, or the range has no layer.
    """
    name = trunk.config.model_type
    ahead = encoder = sees_ahead(trunk)
    bidirectional = layer_range(trunk, attention)
    if encoder and attention != "bidirectional":
        raise ValueError(
            f'attention = "{attention}", but the backbone ({name}) sees ahead: it is an encoder. '
            'Set attention = "bidirectional"'
        )
    if bidirectional and not encoder:
        modules = attention_modules(trunk)
        for number, module in modules.items():
            setattr(module, CAUSAL, number not in bidirectional)
        kernel = trunk.config._attn_implementation
        if kernel in _KERNELS:
            trunk.config._attn_implementation = _name(kernel)
        ahead = _flows_back(trunk)
        if not ahead:
            raise ValueError(
                f'attention = "{attention}", but information does not flow backwards in this backbone ({name}): '
                "it does not support transformers' attention interface. Set attention = "
                '"causal", or use another backbone'
            )
    check_flow(trunk, None if encoder else bidirectional, ahead=ahead)


def is_switched(trunk: PreTrainedModel) -> bool:
    """RETURNS (bool): Whether `set_attention` made some of a decoder's layers bidirectional."""
    return str(trunk.config._attn_implementation).startswith(BIDIRECTIONAL)


def _flows_back(trunk: PreTrainedModel) -> bool:
    try:
        return sees_ahead(trunk)
    except _MaskError:
        return False


def _sdpa(
    module: nn.Module, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None, **kwargs: Any
) -> AttentionOutput:
    _check_mask(attention_mask)
    if attention_mask is None:  # a flag instead of a mask: the fastest kernels take no mask
        return sdpa_attention_forward(
            module, query, key, value, None, **kwargs | {"is_causal": _is_causal(module)}
        )
    mask = _square(attention_mask) if _is_causal(module) else attention_mask[:, None, None, :]
    return sdpa_attention_forward(module, query, key, value, mask, **kwargs | {"is_causal": False})


def _eager(
    module: nn.Module, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None, **kwargs: Any
) -> AttentionOutput:
    _check_mask(attention_mask)
    forward = _eager_of(module)
    if attention_mask is None and not _is_causal(module):
        return forward(module, query, key, value, None, **kwargs)
    if attention_mask is None:
        attention_mask = torch.ones(query.shape[0], key.shape[2], dtype=torch.bool, device=query.device)
    seen = _square(attention_mask) if _is_causal(module) else attention_mask[:, None, None, :]
    # Eager attention adds its mask: a bool one would be added, too, and padding would leak.
    additive = torch.zeros(seen.shape, dtype=query.dtype, device=query.device)
    additive.masked_fill_(~seen, torch.finfo(query.dtype).min)
    return forward(module, query, key, value, additive, **kwargs)


def _eager_of(module: nn.Module) -> Callable[..., AttentionOutput]:
    """The model's own, as transformers takes it: Gemma 2's, for one, caps its logits."""
    own = sys.modules[type(module).__module__]
    return getattr(own, "eager_attention_forward", modeling_llama.eager_attention_forward)


def _flash(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    dropout: float = 0.0,
    scaling: float | None = None,
    softcap: float | None = None,
    **kwargs: Any,
) -> AttentionOutput:
    _check_mask(attention_mask)
    length = query.shape[2]
    query, key, value = (states.transpose(1, 2) for states in (query, key, value))  # (B, P, heads, H/heads)
    if query.dtype == torch.float32 and torch.is_autocast_enabled(query.device.type):
        narrow = torch.get_autocast_dtype(query.device.type)
        query, key, value = query.to(narrow), key.to(narrow), value.to(narrow)
    output = _flash_attention_forward(
        query,
        key,
        value,
        attention_mask,
        query_length=length,
        is_causal=_is_causal(module),
        dropout=dropout,
        softmax_scale=scaling,
        softcap=softcap,
        attn_implementation="flash_attention_2",
    )
    return output, None


def _padding(*args: Any, attention_mask: Tensor | None = None, **kwargs: Any) -> Tensor | None:
    """RETURNS (Optional[Tensor]): Bool, shape (B, P), True for real pieces; None where all are."""
    if attention_mask is None or bool(attention_mask.all()):
        return None
    return attention_mask.bool()


class _MaskError(ValueError):
    """A model that makes its masks itself, as GPT-2 and OPT do: they are causal."""


def _check_mask(mask: Tensor | None) -> None:
    if mask is not None and mask.ndim != 2:
        raise _MaskError(f"a mask of shape {tuple(mask.shape)}, not (B, P)")


def _square(padding: Tensor) -> Tensor:
    """RETURNS (Tensor): Bool, shape (B, 1, P, P): the real pieces up to each piece."""
    length = padding.shape[1]
    lower = torch.ones(length, length, dtype=torch.bool, device=padding.device).tril()
    return lower[None, None] & padding[:, None, None, :]


def _is_causal(module: nn.Module) -> bool:
    return getattr(module, CAUSAL, False)


def _name(kernel: str) -> str:
    return BIDIRECTIONAL if kernel == "sdpa" else f"{BIDIRECTIONAL}_{kernel}"


_KERNELS: dict[str, Callable[..., AttentionOutput]] = {
    "sdpa": _sdpa,
    "eager": _eager,
    "flash_attention_2": _flash,
}

for _kernel, _forward in _KERNELS.items():
    AttentionInterface.register(_name(_kernel), _forward)
    AttentionMaskInterface.register(_name(_kernel), _padding)
