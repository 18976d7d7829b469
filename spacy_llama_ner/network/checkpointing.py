"""Gradient checkpointing: layers keep their input alone and are computed again in the backward pass."""

from transformers import PreTrainedModel


def set_checkpointing(trunk: PreTrainedModel, enabled: bool) -> None:
    """Turn it on or off.

    trunk (PreTrainedModel): The backbone.
    enabled (bool): Whether to trade about a third more time for memory.
    RAISES (ValueError): If the model has none.
    """
    if not enabled:
        if trunk.is_gradient_checkpointing:
            trunk.gradient_checkpointing_disable()
        return
    if not trunk.supports_gradient_checkpointing:
        raise ValueError(
            f"gradient_checkpointing = true, but this backbone ({trunk.config.model_type}) has none; set it to false"
        )
    # The reentrant kind gives adapters over a frozen backbone no gradient.
    trunk.gradient_checkpointing_enable({"use_reentrant": False})


def enter_training(trunk: PreTrainedModel) -> None:
    """Tell the layers with checkpointing that they train, whatever the dropout: else they would not do it.

    trunk (PreTrainedModel): The backbone; dropout in modules inside of the layers stays as it is. What a layer itself
        drops (OPT's do; Llama's and BERT's do not) it drops then at any rate.
    """
    for module in trunk.modules():
        if getattr(module, "gradient_checkpointing", False):
            module.training = True  # not train(), which goes on to what is inside
