"""The backbone's shape, with all that is trained in it, on torch's meta device: no weights, no memory."""

import re
from typing import TYPE_CHECKING, Any

from spacy_llama_ner.network.types import BackboneSource, NetworkSettings

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel

# Source: config.json of unsloth/Llama-3.2-1B-Instruct.
LLAMA_1B: dict[str, Any] = {
    "vocab_size": 128256,
    "hidden_size": 2048,
    "intermediate_size": 8192,
    "num_hidden_layers": 16,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "head_dim": 64,
    "max_position_embeddings": 131072,
}
KNOWN: dict[str, dict[str, Any]] = {r".*Llama-3\.2-1B(-Instruct)?": LLAMA_1B}


def read_config(source: BackboneSource) -> "PretrainedConfig":
    """Read `config.json` from the folder, the cache or the hub.

    source (BackboneSource): The backbone.
    RETURNS (PretrainedConfig): The shape and more.
    RAISES (Exception): Whatever transformers and the hub's client raise.
    """
    from transformers import AutoConfig

    return AutoConfig.from_pretrained(source.name, revision=source.revision)


def known_config(source: BackboneSource) -> "PretrainedConfig | None":
    """RETURNS (Optional[PretrainedConfig]): The shape of a model that is known by its name; None for others."""
    from transformers import LlamaConfig

    for pattern, shape in KNOWN.items():
        if re.fullmatch(pattern, source.name):
            return LlamaConfig(**shape)
    return None


def build_shape(
    config: "PretrainedConfig", source: BackboneSource, settings: NetworkSettings
) -> "PreTrainedModel":
    """Build the trunk with its adapters, and mark what is trained, as `TaggingNetwork` does.

    config (PretrainedConfig): Of the backbone; not changed.
    source (BackboneSource): For its dtype and its kernel.
    settings (NetworkSettings): Layers, adapters, what is unfrozen.
    RETURNS (PreTrainedModel): On the meta device, in the dtypes that training has; inside of it are the adapters.
    RAISES (ValueError): If it does not fit the settings.
    """
    import copy

    import torch
    from transformers import AutoModel

    from spacy_llama_ner.network.adapters import add_lora
    from spacy_llama_ner.network.unfreezing import unfreeze

    config = copy.deepcopy(config)
    if settings.layers is not None:
        config.num_hidden_layers = min(settings.layers, config.num_hidden_layers)
    # All other kernels keep the same; of some, transformers looks whether they are installed.
    options = {"attn_implementation": "eager"} if source.attn_implementation == "eager" else {}
    dtype = getattr(torch, source.dtype)
    with torch.device("meta"):
        trunk = AutoModel.from_config(config, torch_dtype=dtype, **options)
        trunk.requires_grad_(False)
        if settings.peft == "lora":
            add_lora(trunk, settings)  # changes the trunk in place
        unfreeze(trunk, settings)
    return trunk
