"""LoRA adapters around the trunk, by peft, in peft's own folder format.

peft's own save and load go to the hub (to ask about embedding layers; to look for files that are missing), so
files are written and read here and only the state dicts come from peft.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from peft import LoraConfig, PeftModel, get_peft_model, get_peft_model_state_dict, set_peft_model_state_dict
from peft.tuners.lora import LoraLayer
from peft.utils.integrations import dequantize_module_weight
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from spacy_llama_ner.network.layers import stack
from spacy_llama_ner.network.types import NetworkSettings

WEIGHTS = "adapter_model.safetensors"


def add_lora(trunk: PreTrainedModel, settings: NetworkSettings) -> PeftModel:
    """Wrap the trunk alone: head and CRF stay outside, or peft would freeze and forget them.

    trunk (PreTrainedModel): The backbone.
    settings (NetworkSettings): Rank, alpha, dropout, target modules and layers.
    RETURNS (PeftModel): The trunk with new adapters in float32; their output is zero until trained.
    RAISES (ValueError): If the trunk lacks one of the target modules or so many layers, or the rank is above its
        hidden size.
    """
    if settings.lora_rank > trunk.config.hidden_size:
        raise ValueError(
            f"lora_rank: {settings.lora_rank} is above the backbone's hidden size, {trunk.config.hidden_size}: such "
            "adapters would have more weights than what they adapt. Usual are 4 to 64"
        )
    config = LoraConfig(
        r=settings.lora_rank,
        lora_alpha=settings.lora_alpha,
        lora_dropout=settings.lora_dropout,
        target_modules=_target_modules(trunk, settings),
        use_rslora=settings.use_rslora,
        use_dora=settings.use_dora,
        bias="none",
    )
    model = get_peft_model(trunk, config)
    if settings.use_dora:
        _set_magnitudes(model)
    return model


def _set_magnitudes(model: PeftModel) -> None:
    """Set DoRA's magnitudes to the weights' own, in float32: peft rounds them to a 16-bit backbone's precision."""
    for layer in model.modules():
        if not isinstance(layer, LoraLayer) or "default" not in layer.lora_magnitude_vector:
            continue
        base = layer.get_base_layer()
        weight = dequantize_module_weight(base).detach().float()
        if isinstance(base, Conv1D):
            weight = weight.T
        magnitude = layer.lora_magnitude_vector["default"].weight
        magnitude.data = weight.norm(dim=1).to(magnitude.device)


def _target_modules(trunk: PreTrainedModel, settings: NetworkSettings) -> list[str]:
    """RETURNS (List[str]): Names, or ends of names, of linear layers, as peft takes them."""
    targets, last = settings.lora_target_modules, settings.lora_layers
    linear = _linear_layers(trunk)
    ends = _find_targets(linear, targets)
    if last is None:
        return ends
    # Not by peft's `layers_to_transform`: it looks for the layer's number behind two dots, and misses "layers.3.".
    found = stack(trunk)
    if found is None or last > len(found[1]):
        has = "no list of layers that could be found" if found is None else f"{len(found[1])} layers"
        raise ValueError(
            f"lora_layers: {last}, but this backbone has {has}; null puts adapters in all of them"
        )
    prefix, layers = found
    inside = tuple(f"{prefix}.{number}." for number in range(len(layers) - last, len(layers)))
    names = [name for name in linear if name.startswith(inside) and _ends_in(name, ends)]
    if not names:
        raise ValueError(f"lora_layers: the last {last} layers have none of lora_target_modules")
    return names


def _linear_layers(trunk: PreTrainedModel) -> list[str]:
    return [
        name
        for name, module in trunk.named_modules()
        # Conv1D is GPT-2's linear layer. An encoder's pooler takes no part.
        if isinstance(module, nn.Linear | Conv1D) and ".pooler." not in f".{name}."
    ]


def _ends_in(name: str, ends: Sequence[str]) -> bool:
    """RETURNS (bool): Whether peft would match: the end of the full name, in whole parts."""
    return any(f".{name}".endswith(f".{end}") for end in ends)


def _find_targets(linear: list[str], targets: Sequence[str]) -> list[str]:
    """RETURNS (List[str]): Names, or ends of names, for the setting `lora_target_modules`."""
    if targets == "all-linear":
        return linear
    if targets == "attention":
        linear = [name for name in linear if re.search(r"attn|attention", name, re.IGNORECASE)]
        if not linear:
            raise ValueError(
                'lora_target_modules = "attention": this backbone has no linear layer in a module of that '
                'name; name the layers, or take "all-linear"'
            )
        return linear
    missing = [target for target in targets if not any(_ends_in(name, [target]) for name in linear)]
    if missing:
        named = ", ".join(target or "''" for target in missing)
        last_parts = sorted({name.rsplit(".", 1)[-1] for name in linear})
        raise ValueError(
            f"lora_target_modules: this backbone has no linear layer named {named}; "
            f"it has {', '.join(last_parts)}"
        )
    return list(targets)


def save_adapters(model: PeftModel, folder: Path, *, base_name: str) -> None:
    """Write `adapter_config.json` and `adapter_model.safetensors`, as peft does.

    model (PeftModel): The wrapped trunk.
    folder (Path): Created if it does not exist.
    base_name (str): What to record as the base model: a name, never a path of this machine.
    """
    folder.mkdir(parents=True, exist_ok=True)
    state = get_peft_model_state_dict(model, save_embedding_layers=False)
    save_file({name: weight.detach().cpu().contiguous() for name, weight in state.items()}, folder / WEIGHTS)
    config = model.peft_config["default"]
    before = config.base_model_name_or_path, config.inference_mode
    config.base_model_name_or_path, config.inference_mode = base_name, True
    try:
        config.save_pretrained(str(folder))
    finally:
        config.base_model_name_or_path, config.inference_mode = before


def load_adapters(model: PeftModel, folder: Path) -> None:
    """Fill the adapters from a folder.

    model (PeftModel): A trunk wrapped by `add_lora` with the same settings.
    folder (Path): Written by `save_adapters`.
    RAISES (ValueError): If names or shapes differ: adapters of another backbone or rank.
    """
    path = folder / WEIGHTS
    state = load_file(path)
    expected = get_peft_model_state_dict(model, save_embedding_layers=False)
    for name in sorted(state.keys() | expected.keys()):
        found = tuple(state[name].shape) if name in state else None
        wanted = tuple(expected[name].shape) if name in expected else None
        if found != wanted:
            raise ValueError(
                f"{path}: adapter weight {name!r} has shape {found}, the backbone with these LoRA settings "
                f"needs {wanted}; the adapters belong to another backbone or other settings"
            )
    set_peft_model_state_dict(model, state)
