"""Step torch weights with thinc's optimizers, which take arrays and know nothing of groups."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from thinc.api import Optimizer, torch2xp, xp2torch
from thinc.types import FloatsXd

if TYPE_CHECKING:
    import torch

    NamedWeights = Sequence[tuple[str, "torch.nn.Parameter"]]


def step_weights(
    optimizer: Optimizer, named: "NamedWeights", *, owner: int, head_scale: float, backbone_scale: float
) -> None:
    """Step each weight by its gradient. Decay is for matrices: not for biases, norms and the CRF.

    optimizer (Optimizer): thinc's; it keeps its moments by owner and name.
    named (Sequence[Tuple[str, Parameter]]): Names and weights of a `TaggingNetwork`, with gradients.
    owner (int): Tells this network from others that the optimizer steps.
    head_scale (float): The learning rate of head and CRF is the optimizer's times this.
    backbone_scale (float): The same for the backbone's own weights. The adapters' is the optimizer's.
    """
    for name, weight in named:
        if name.startswith(("head.", "crf.")):
            scale = head_scale
        elif ".lora_" not in name:
            scale = backbone_scale
        else:
            scale = 1.0
        _step(
            optimizer,
            (owner, name),
            weight,
            decay=weight.ndim > 1 and not name.startswith("crf."),
            lr_scale=scale,
        )


def _step(
    optimizer: Optimizer, key: tuple[int, str], weight: "torch.nn.Parameter", *, decay: bool, lr_scale: float
) -> None:
    l2 = optimizer.L2
    optimizer.L2 = l2 if decay else 0.0  # thinc decays every tensor it is given
    try:
        stepped, _ = optimizer(
            key,
            cast(FloatsXd, torch2xp(weight.data)),
            cast(FloatsXd, torch2xp(cast("torch.Tensor", weight.grad))),
            lr_scale=lr_scale,
        )
    finally:
        optimizer.L2 = l2
    weight.data.copy_(xp2torch(stepped))
