"""The backbone that predictions are made with: adapters merged, and in a precision of its own if that is set.

It is a copy that shares all weights with the trained one but those that differ. The trained one stays as it is, to be
trained on and saved.
"""

import copy
from dataclasses import dataclass
from itertools import chain
from typing import Any

import torch
from peft import PeftModel
from peft.tuners.lora import LoraLayer
from torch import Tensor, nn
from transformers import PreTrainedModel

from spacy_llama_ner.network.quantization import quantization_of


@dataclass(frozen=True)
class ReadingSettings:
    """How predictions are made.

    dtype (Optional[str]): "float32", "bfloat16" or "float16"; "auto": see `fastest_dtype`; None for what training
        computes with.
    merge (bool): Whether adapters are merged.
    compile (bool): Whether `torch.compile` makes code for it.
    """

    dtype: str | None = None
    merge: bool = True
    compile: bool = False


class ReadingBackbone:
    """A backbone to predict with. No module, so that a network that holds it neither saves nor trains it.

    backbone (PreTrainedModel / PeftModel): The trained one, on its device.
    settings (ReadingSettings): How it reads.
    compute_dtype (dtype): What training computes with.
    RAISES (ValueError): If a merged weight would not be a number.

    dtype (dtype): What it computes in.
    """

    def __init__(
        self, backbone: PreTrainedModel | PeftModel, settings: ReadingSettings, compute_dtype: torch.dtype
    ) -> None:
        self.source = backbone
        self.dtype = reading_dtype(settings.dtype, backbone.device, compute_dtype)
        trunk: Any = backbone.get_base_model() if isinstance(backbone, PeftModel) else backbone
        # bitsandbytes and torchao compute in the dtype they were made for, and nothing can be merged into them.
        self._autocast = self.dtype if quantization_of(trunk) else None
        self.backbone = backbone if self._autocast else _copy(backbone, self.dtype, merge=settings.merge)
        if settings.compile:
            if self.backbone is backbone:
                self.backbone = _share(backbone)
            self.backbone.compile(dynamic=True)

    def hidden(self, ids: Tensor, mask: Tensor, options: dict[str, bool]) -> Tensor:
        """Read windows.

        ids (Tensor): Int64, shape (B, P).
        mask (Tensor): Bool, shape (B, P).
        options (Dict[str, bool]): For the backbone's forward.
        RETURNS (Tensor): The last states, shape (B, P, H), in the dtype that is computed with.
        """
        enabled = self._autocast not in (None, torch.float32)
        with torch.autocast(ids.device.type, dtype=self._autocast, enabled=enabled):
            return self.backbone(input_ids=ids, attention_mask=mask, **options).last_hidden_state


def reading_dtype(name: str | None, device: torch.device, compute_dtype: torch.dtype) -> torch.dtype:
    """RETURNS (dtype): What a setting means; see `ReadingSettings`."""
    if name is None:
        return compute_dtype
    return fastest_dtype(device, compute_dtype) if name == "auto" else getattr(torch, name)


def fastest_dtype(device: torch.device, compute_dtype: torch.dtype) -> torch.dtype:
    """Choose bfloat16 where the device multiplies matrices of it itself, else what training computes with.

    float16 is not chosen, though some devices have that alone: backbones that were trained in bfloat16 overflow in it.

    device (device): Where the backbone is.
    compute_dtype (dtype): What training computes with.
    RETURNS (dtype): `bfloat16` on CPUs with AMX or AVX512-BF16 and on GPUs since NVIDIA's Ampere.
    """
    if compute_dtype != torch.float32:
        return compute_dtype
    if device.type == "cuda":
        fast = torch.cuda.is_bf16_supported(including_emulation=False)
    elif device.type == "cpu":
        fast = _cpu_multiplies_bfloat16()
    else:
        fast = False
    return torch.bfloat16 if fast else compute_dtype


def _cpu_multiplies_bfloat16() -> bool:
    capabilities = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    return any(capabilities.get(name, False) for name in ("amx_bf16", "avx512_bf16", "bf16"))


def _share(backbone: PreTrainedModel | PeftModel) -> PreTrainedModel | PeftModel:
    """RETURNS (PreTrainedModel | PeftModel): Modules of its own, with the same weights and buffers in them."""
    return copy.deepcopy(
        backbone, {id(tensor): tensor for tensor in chain(backbone.parameters(), backbone.buffers())}
    )


def _copy(
    backbone: PreTrainedModel | PeftModel, dtype: torch.dtype, *, merge: bool
) -> PreTrainedModel | PeftModel:
    merge = merge and isinstance(backbone, PeftModel)
    if not merge and all(weight.dtype == dtype for weight in backbone.parameters()):
        return backbone
    copied: Any = _share(backbone).eval()
    if merge:
        # Not by peft's `unload`: its progress bar makes a lock that settles how processes are started from then on.
        copied = copied.get_base_model()
        for name, module in list(copied.named_modules()):
            if isinstance(module, LoraLayer):
                _merge(module, dtype)
                copied.set_submodule(name, module.get_base_layer())
    _convert(copied, dtype)
    return copied


def _merge(layer: Any, dtype: torch.dtype) -> None:
    """Merge one of peft's layers, in float32, so that memory has no more than that one beside the copy."""
    base = layer.get_base_layer()
    base.weight = nn.Parameter(base.weight.detach().to(torch.float32, copy=True), requires_grad=False)
    layer.merge(safe_merge=True)
    base.weight = nn.Parameter(base.weight.detach().to(dtype), requires_grad=False)


def _convert(model: nn.Module, dtype: torch.dtype) -> None:
    """Give a copy's modules new weights where theirs, which they share, have another dtype. Buffers stay: rotary
    frequencies must be float32."""
    for module in model.modules():
        for name, weight in list(module.named_parameters(recurse=False)):
            if weight.is_floating_point() and weight.dtype != dtype:
                setattr(module, name, nn.Parameter(weight.detach().to(dtype), requires_grad=False))
