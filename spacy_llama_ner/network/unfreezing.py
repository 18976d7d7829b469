"""Which of the backbone's own weights are trained, and from when on."""

from collections.abc import Iterator

import torch
from torch import nn
from transformers import PreTrainedModel

from spacy_llama_ner.network.layers import stack
from spacy_llama_ner.network.types import NetworkSettings

TRAINED_DTYPE = torch.float32


def base_parameters(trunk: PreTrainedModel) -> dict[str, nn.Parameter]:
    """RETURNS (Dict[str, Parameter]): The trunk's own weights under their own names, adapters left out."""
    return {
        name.replace(".base_layer.", "."): weight
        for name, weight in trunk.named_parameters()
        if ".lora_" not in name
    }


def unfreeze(trunk: PreTrainedModel, settings: NetworkSettings) -> list[list[str]]:
    """Make the backbone's weights that are trained trainable, in float32.

    trunk (PreTrainedModel): Frozen, with or without adapters.
    settings (NetworkSettings): What is trained.
    RETURNS (List[List[str]]): Names of `base_parameters`, in the order of gradual unfreezing: first those of the
        last layer and after it, then layer by layer those before, in the end the embeddings. Empty if nothing is
        trained.
    RAISES (ValueError): If there are fewer layers, or none are found, or the weights are in float16.
    """
    if not settings.trains_backbone:
        return []
    if trunk.dtype == torch.float16:
        raise ValueError(
            'backbone.dtype = "float16" trains no weights of the backbone: their gradients would overflow. Set '
            'backbone.dtype = "bfloat16" or "float32"'
        )
    groups = list(_groups(trunk))
    count = settings.unfreeze_layers
    if count:
        found = stack(trunk)
        if found is None or count > len(found[1]):
            has = "no list of layers that could be found" if found is None else f"{len(found[1])} layers"
            raise ValueError(f"unfreeze_layers: {count}, but this backbone has {has}; 0 unfreezes none")
        groups = groups[:count]
    weights = base_parameters(trunk)
    for name in (name for group in groups for name in group):
        weights[name].data = weights[name].data.to(TRAINED_DTYPE)
        weights[name].requires_grad_(True)
    return groups


def _groups(trunk: PreTrainedModel) -> Iterator[list[str]]:
    """YIELDS (List[str]): See `unfreeze`."""
    # An encoder's pooler takes no part and would be an idle parameter.
    names = [name for name in base_parameters(trunk) if ".pooler." not in f".{name}"]
    found = stack(trunk)
    if found is None:
        yield names
        return
    prefix, layers = found
    inside = [name for name in names if name.startswith(f"{prefix}.")]
    before = [name for name in names[: names.index(inside[0])] if "final" not in name]  # OPT's last norm
    after = [name for name in names if name not in {*inside, *before}]
    for number in reversed(range(len(layers))):
        own = [name for name in inside if name.startswith(f"{prefix}.{number}.")]
        yield [*own, *after] if number == len(layers) - 1 else own
    if before:
        yield before


def train_groups(trunk: PreTrainedModel, groups: list[list[str]], count: int) -> None:
    """Let the first groups learn, and the others not yet.

    trunk (PreTrainedModel): The backbone.
    groups (List[List[str]]): From `unfreeze`.
    count (int): How many.
    """
    weights = base_parameters(trunk)
    for number, group in enumerate(groups):
        for name in group:
            weights[name].requires_grad_(number < count)
