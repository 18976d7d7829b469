"""Quantize a backbone: its linear layers in 8 or 4 bits; embeddings, norms, adapters, head and CRF stay as they are.

    int8          bitsandbytes: one scale for each row of a weight, and for each piece's states; can be stored
    nf4           bitsandbytes: 4 bits, one scale for each 64 weights; can be stored
    torchao-int8  torchao: one scale for each row of a weight, states as they are; at each load, never stored

Stored weights are read by transformers, which finds their kind in config.json.
"""

import warnings
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor, nn
from transformers import BitsAndBytesConfig, PreTrainedModel
from transformers.utils.quantization_config import QuantizationMethod

from spacy_llama_ner.network.types import BackboneSource, NetworkSettings

# With outliers kept in 16 bits, as in LLM.int8(), a state above the threshold would change how the other pieces of its
# batch are rounded: predictions would depend on the batch, and the canary would see padding leak.
OUTLIER_THRESHOLD = 0.0
NF4_BLOCK = 64
_TORCHAO = "torchao-int8"


def check_quantization(source: BackboneSource, settings: NetworkSettings) -> None:
    """Refuse, before anything is loaded, what cannot be quantized here.

    source (BackboneSource): Where the backbone comes from.
    settings (NetworkSettings): How it is used.
    RAISES (ValueError): If weights of the backbone are trained, DoRA does not go with it, or a package is missing.
    """
    if source.quantization is None:
        return
    place = f'backbone.quantization = "{source.quantization}"'
    if settings.trains_backbone:
        raise ValueError(
            f"{place}: quantized weights cannot be trained. Set freeze_backbone = true and unfreeze_layers = 0, and "
            'train adapters (peft = "lora"); or train with quantization = null and quantize the trained pipeline'
        )
    if settings.use_dora and settings.peft and source.quantization == "int8":
        raise ValueError(
            f"{place}: peft's DoRA does not run over bitsandbytes' 8 bits. Set use_dora = false, or "
            'quantization = "nf4"'
        )
    check_package(source.quantization)


def check_package(quantization: str) -> None:
    """RAISES (ValueError): If the package for a quantization is missing."""
    package, extra = ("torchao", "torchao") if quantization == _TORCHAO else ("bitsandbytes", "quantization")
    if find_spec(package) is None:
        raise ValueError(
            f'quantization to {quantization} needs {package}: pip install "spacy-llama-ner[{extra}]"'
        )


def quantize_trunk(trunk: PreTrainedModel, quantization: str | None) -> PreTrainedModel:
    """Quantize a backbone in place, on its device; one that was stored so stays as it is.

    trunk (PreTrainedModel): Without adapters.
    quantization (Optional[str]): "int8", "nf4" or "torchao-int8"; None for none.
    RETURNS (PreTrainedModel): The same.
    RAISES (ValueError): If its weights are stored in another way than this, it has no linear layers, or, for nf4, its
        layers' sizes do not fit.
    """
    stored = quantization_of(trunk)
    if stored is not None and stored != quantization:
        raise ValueError(
            f'the backbone is stored as {stored}. Set backbone.quantization = "{stored}"; for another, start from the '
            "pipeline that it was made from"
        )
    linear = [name for name, module in trunk.named_modules() if isinstance(module, nn.Linear)]
    if quantization is not None and not linear:
        raise ValueError(
            f"this backbone ({trunk.config.model_type}) has no linear layers that could be quantized; set "
            "backbone.quantization = null"
        )
    if quantization == "nf4":
        _check_blocks(trunk, linear)
    if stored is None and quantization == _TORCHAO:
        _apply_torchao(trunk)
    elif stored is None and quantization is not None:
        _apply_bitsandbytes(trunk, linear, quantization)
    module: Any
    for module in trunk.modules():
        if hasattr(module, "support_avx512bf16_for_cpu"):
            # Else bitsandbytes would repack weights when they are first used: lossy when they are saved, without a
            # gradient when they are trained over, and not to be done by several threads at once.
            module.support_avx512bf16_for_cpu = False
    return trunk


def quantization_of(trunk: PreTrainedModel) -> str | None:
    """RETURNS (Optional[str]): How a backbone is quantized: "int8", "nf4" or "torchao-int8"; None if it is not."""
    method = getattr(trunk, "quantization_method", None)
    if method is None:
        return None
    if method == QuantizationMethod.BITS_AND_BYTES:
        return "int8" if trunk.config.quantization_config.load_in_8bit else "nf4"
    return _TORCHAO if method == QuantizationMethod.TORCHAO else str(method)


def check_storable(trunk: PreTrainedModel) -> None:
    """RAISES (ValueError): If a backbone is quantized in a way that has no file format."""
    if quantization_of(trunk) == _TORCHAO:
        raise ValueError(
            f"{_TORCHAO} is applied at each load and cannot be saved: save the pipeline without its backbone "
            '(save_inside = false); or load it with backbone.quantization = "int8" or "nf4", which can be saved'
        )


def follow_weights(trunk: PreTrainedModel) -> None:
    """Bring bitsandbytes' 8-bit state, which is no parameter, to where the weights were moved with the whole network.

    trunk (PreTrainedModel): With or without adapters, quantized or not.
    """
    module: Any
    if quantization_of(trunk) == "int8":
        for module in trunk.modules():
            if hasattr(module, "init_8bit_state"):
                module.to(module.weight.device)


def _check_blocks(trunk: PreTrainedModel, linear: list[str]) -> None:
    """bitsandbytes 0.50 takes other blocks' scales on a CPU, without a word, where a block goes over a row's end."""
    for name in linear:
        layer: Any = trunk.get_submodule(name)
        if layer.in_features % NF4_BLOCK:
            raise ValueError(
                f'backbone.quantization = "nf4": the backbone\'s layer {name} has {layer.in_features} inputs, expected '
                f'a multiple of {NF4_BLOCK}; set quantization = "int8"'
            )


def _apply_bitsandbytes(trunk: Any, linear: list[str], quantization: str) -> None:
    dtype = trunk.dtype
    for name in linear:
        parent, _, attribute = name.rpartition(".")
        layer = trunk.get_submodule(name)
        setattr(trunk.get_submodule(parent), attribute, _quantized(layer, quantization, dtype))
    # What transformers notes where it loads such weights; peft asks for it.
    trunk.config.quantization_config = _stored_config(quantization, dtype)
    trunk.is_quantized, trunk.quantization_method = True, QuantizationMethod.BITS_AND_BYTES
    trunk.is_loaded_in_8bit, trunk.is_loaded_in_4bit = quantization == "int8", quantization == "nf4"


def _quantized(layer: Any, quantization: str, dtype: torch.dtype) -> nn.Linear:
    from bitsandbytes.nn import Int8Params, Linear4bit, Linear8bitLt, Params4bit

    weight: Tensor = layer.weight.data
    size, bias = (layer.in_features, layer.out_features), layer.bias is not None
    made: nn.Linear
    rounded: Any
    if quantization == "int8":
        made = Linear8bitLt(
            *size, bias=bias, has_fp16_weights=False, threshold=OUTLIER_THRESHOLD, device="meta"
        )
        # From the CPU: where a weight is on a GPU already, bitsandbytes takes it for quantized.
        rounded = Int8Params(weight.cpu(), requires_grad=False)
    else:
        made = Linear4bit(*size, bias=bias, compute_dtype=dtype, quant_type="nf4", device="meta")
        rounded = Params4bit(weight, requires_grad=False, quant_type="nf4", module=made)
    made.weight = rounded.to(weight.device)
    made.bias = layer.bias
    return made.train(layer.training)


def _stored_config(quantization: str, dtype: torch.dtype) -> BitsAndBytesConfig:
    """RETURNS (BitsAndBytesConfig): What tells transformers how the stored weights are to be read."""
    if quantization == "int8":
        return BitsAndBytesConfig(
            load_in_8bit=True, llm_int8_threshold=OUTLIER_THRESHOLD, llm_int8_skip_modules=[]
        )
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=dtype,
        llm_int8_skip_modules=[],
    )


def _apply_torchao(trunk: Any) -> None:
    from torchao.quantization import Int8WeightOnlyConfig, quantize_

    quantize_(trunk, Int8WeightOnlyConfig())
    trunk.is_quantized, trunk.quantization_method = True, QuantizationMethod.TORCHAO
    # peft says so of each layer; nothing is merged into quantized weights.
    warnings.filterwarnings("ignore", message=".*was instantiated without `get_apply_tensor_subclass`")
