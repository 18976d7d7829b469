"""Find a backbone's layers and what belongs to them, whatever the model calls it."""

from torch import nn
from transformers import PreTrainedModel

from spacy_llama_ner.network.types import parse_attention


def stack(trunk: PreTrainedModel) -> tuple[str, nn.ModuleList] | None:
    """Find the list of layers.

    trunk (PreTrainedModel): The backbone, with or without adapters.
    RETURNS (Optional[Tuple[str, ModuleList]]): Its name, such as "layers" or "encoder.layer", and the layers from the
        first to the last; None if there is none of the length that the config says.
    """
    count = getattr(trunk.config, "num_hidden_layers", None)
    for name, module in trunk.named_modules():
        if isinstance(module, nn.ModuleList) and len(module) == count:
            return name, module
    return None


def attention_modules(trunk: PreTrainedModel) -> dict[int, nn.Module]:
    """Find the modules that attend, of models that use transformers' attention interface.

    trunk (PreTrainedModel): The backbone.
    RETURNS (Dict[int, Module]): By layer; empty for other models.
    """
    return {
        module.layer_idx: module  # type: ignore[misc]
        for module in trunk.modules()
        if isinstance(getattr(module, "layer_idx", None), int) and hasattr(module, "is_causal")
    }


def layer_range(trunk: PreTrainedModel, attention: str) -> range:
    """Say which layers are bidirectional.

    trunk (PreTrainedModel): The backbone.
    attention (str): See `types.parse_attention`.
    RETURNS (range): Layers; none for causal attention.
    RAISES (ValueError): If the text names a range that has none of the backbone's layers.
    """
    selected = parse_attention(attention)
    if selected is None:
        return range(0)
    count = trunk.config.num_hidden_layers
    layers = range(*selected.indices(count))
    if not layers:
        raise ValueError(
            f'attention = "{attention}" selects none of the backbone\'s {count} layers, 0 to {count - 1}; as in '
            'Python, "bidirectional[0:4]" is the first four and "bidirectional[-4:]" the last four'
        )
    return layers
