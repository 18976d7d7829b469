"""Who sees whom: causal or bidirectional attention, and the canary that verifies it on the real weights.

Several well-known ways to make a decoder bidirectional change nothing, silently (`config.is_decoder`,
overriding `_update_causal_mask`), or work only without padding (`is_causal = False`). So nothing here is
believed: `set_attention` measures how information flows and stops if it is not as configured.
"""

from typing import Any

import torch
from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel
from transformers.integrations.sdpa_attention import sdpa_attention_forward

BIDIRECTIONAL = "spacy_llama_ner_bidirectional"
# Largest change, relative to the states' own size, that counts as none. Blocked attention gives exactly 0 in
# every precision, since masked weights are exactly 0; 1e-5 leaves room for kernels that reorder sums.
TOLERANCE = 1e-5


def _bidirectional_attention(
    module: nn.Module, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None, **kwargs: Any
) -> tuple[Tensor, Tensor | None]:
    kwargs["is_causal"] = False  # else sdpa becomes causal by itself where the mask is None
    return sdpa_attention_forward(module, query, key, value, attention_mask, **kwargs)


def _padding_mask(*args: Any, attention_mask: Tensor | None = None, **kwargs: Any) -> Tensor | None:
    """Let every piece see every real piece. Bool, shape (B, 1, 1, P), broadcast over heads and queries."""
    if attention_mask is None or bool(attention_mask.all()):
        return None
    return attention_mask.bool()[:, None, None, :]


AttentionInterface.register(BIDIRECTIONAL, _bidirectional_attention)
AttentionMaskInterface.register(BIDIRECTIONAL, _padding_mask)


def set_attention(trunk: PreTrainedModel, attention: str) -> None:
    """Make the backbone attend as configured and verify it on its weights.

    trunk (PreTrainedModel): A decoder or an encoder.
    attention (str): "causal" or "bidirectional".
    RAISES (ValueError): If information does not flow as configured, or leaks from padding.
    """
    if attention == "bidirectional" and not sees_ahead(trunk):
        trunk.config._attn_implementation = BIDIRECTIONAL
    ahead = sees_ahead(trunk)
    name = trunk.config.model_type
    if ahead and attention == "causal":
        raise ValueError(
            f'attention = "causal", but the backbone ({name}) sees ahead: it is an encoder. '
            'Set attention = "bidirectional"'
        )
    if not ahead and attention == "bidirectional":
        raise ValueError(
            f'attention = "bidirectional", but information does not flow backwards in this backbone ({name}): '
            "it does not support transformers' attention interface. Set attention = "
            '"causal", or use another backbone'
        )
    _check_padding(trunk, ahead)


def sees_ahead(trunk: PreTrainedModel) -> bool:
    """Change the last of eight pieces and look whether earlier states move.

    trunk (PreTrainedModel): The backbone, in evaluation mode.
    RETURNS (bool): True for bidirectional attention.
    """
    first, second = _probe(trunk)
    return _moved(_states(trunk, first)[:, :-1], _states(trunk, second)[:, :-1])


def _check_padding(trunk: PreTrainedModel, ahead: bool) -> None:
    """Check flow in a padded batch: same direction, and nothing leaks from the padding."""
    first, second = _probe(trunk)
    mask = torch.ones(2, 12, dtype=torch.bool, device=first.device)
    mask[0, 8:] = False
    filler = first[:, :4]
    long = torch.cat([first, filler], dim=1)
    base = _states(trunk, torch.cat([long, long]), mask)[0, :7]
    changed = _states(trunk, torch.cat([torch.cat([second, filler], dim=1), long]), mask)[0, :7]
    leaked = _states(trunk, torch.cat([torch.cat([first, second[:, -4:]], dim=1), long]), mask)[0, :7]
    if _moved(base, changed) != ahead:
        raise ValueError("attention: information flows differently in a padded batch than in a single window")
    if _moved(base, leaked):
        raise ValueError("attention: padding leaks into real pieces; the attention mask is not respected")


def _probe(trunk: PreTrainedModel) -> tuple[Tensor, Tensor]:
    """RETURNS (Tuple[Tensor, Tensor]): Ids, shape (1, 8), that differ in the last piece only."""
    size = trunk.config.vocab_size
    first = torch.arange(8, device=next(trunk.parameters()).device).remainder(size).unsqueeze(0)
    second = first.clone()
    second[0, -1] = (first[0, -1] + size // 2) % size
    return first, second


@torch.no_grad()
def _states(trunk: PreTrainedModel, ids: Tensor, mask: Tensor | None = None) -> Tensor:
    mask = torch.ones_like(ids, dtype=torch.bool) if mask is None else mask
    return trunk(input_ids=ids, attention_mask=mask).last_hidden_state.float()


def _moved(first: Tensor, second: Tensor) -> bool:
    return bool((first - second).abs().max() > TOLERANCE * first.abs().max())
