"""Merge what was trained into the backbone: a plain model in half the memory, with nothing beside it.

Adapters are added to the weights in float32, also where the backbone is in bfloat16: there a small correction to a
large weight would round to nothing. What is rounded is the sum, once, at the end.
"""

from dataclasses import replace

import torch
from peft import PeftModel
from transformers import PreTrainedModel

from spacy_llama_ner.network.backbone import fingerprint
from spacy_llama_ner.network.network import TaggingNetwork

# What a merged backbone is rounded to: as the weights of most backbones are published. What is computed with is another
# matter, and stays as it was: rounded weights change a score by less than rounded states do.
MERGED_DTYPE = torch.bfloat16


def merge_network(network: TaggingNetwork) -> None:
    """Merge a network's adapters into its backbone, in place, to be saved with it inside, and loaded to predict.

    The backbone is frozen then, and in `MERGED_DTYPE`; head and CRF stay in float32. Memory holds one copy of the
    backbone in float32 at the most, and a layer beside it.

    network (TaggingNetwork): With or without adapters, with or without trained layers.
    RAISES (ValueError): If a weight would not be a number.
    """
    trunk = merge_adapters(network.backbone, dtype=MERGED_DTYPE).requires_grad_(False)
    network.backbone, network.unfrozen = trunk, []
    network.settings = replace(network.settings, peft=None, freeze_backbone=True, unfreeze_layers=0)
    network.reference = replace(network.reference, fingerprint=fingerprint(trunk), merged=True)


def merge_adapters(backbone: PreTrainedModel | PeftModel, *, dtype: torch.dtype) -> PreTrainedModel:
    """Merge adapters into the weights below them, in float32.

    backbone (PreTrainedModel / PeftModel): Changed in place.
    dtype (dtype): What all weights are rounded to.
    RETURNS (PreTrainedModel): The backbone, without adapters.
    RAISES (ValueError): If a weight would not be a number, or the backbone is quantized.
    Source: Hu et al. (2021), LoRA, section 4.1: W + alpha / rank * B A; peft for rsLoRA and DoRA.
    """
    _convert(backbone, torch.float32)
    if isinstance(backbone, PeftModel):
        backbone = backbone.merge_and_unload(safe_merge=True)
    _convert(backbone, dtype)
    return backbone  # type: ignore[return-value]


def _convert(backbone: PreTrainedModel | PeftModel, dtype: torch.dtype) -> None:
    """Not by `backbone.to(dtype)`: that rounds buffers, too, and rotary frequencies must stay in float32."""
    for name, weight in backbone.named_parameters():
        if not weight.is_floating_point():
            raise ValueError(
                f"the backbone is quantized: its weight {name!r} is {weight.dtype}, and nothing can be merged into "
                "it. Of a pipeline that was trained over a quantized backbone, set quantization = null in its "
                "config.cfg first; one that `quantize` made cannot go back: take the pipeline that it was made from"
            )
        weight.data = weight.data.to(dtype)
