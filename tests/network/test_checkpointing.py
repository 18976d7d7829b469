import itertools

import numpy as np
import pytest
import torch
from transformers import PretrainedConfig, PreTrainedModel

from spacy_llama_ner.network.checkpointing import set_checkpointing
from spacy_llama_ner.network.loss import CompoundLoss
from spacy_llama_ner.network.network import TaggingNetwork
from spacy_llama_ner.network.types import BackboneSource, NetworkSettings, PieceBatch

BATCH = PieceBatch([[0, *range(5, 45)]], np.zeros(40, np.int64), np.arange(1, 41), np.arange(40), [40])
ALLOWED = [np.eye(3, dtype=bool)[[0] * 40]]


def step(backbone, *, checkpointing, drop=0.0, **settings):
    """RETURNS: The gradients of a step, and the bytes that autograd kept for it."""
    torch.manual_seed(0)
    source = BackboneSource(str(backbone))
    network = TaggingNetwork.build(source, ["PER"], NetworkSettings(lora_rank=4, **settings))
    network.set_checkpointing(checkpointing)
    kept = {}

    def keep(tensor):
        if not isinstance(tensor, torch.nn.Parameter):
            kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with network.training_mode(drop):
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            total = network.loss(BATCH, ALLOWED, CompoundLoss(), max_batch_pieces=100).total
        total.backward()
    gradients = {name: weight.grad for name, weight in network.named_parameters() if weight.grad is not None}
    return gradients, sum(kept.values())


@pytest.mark.parametrize("drop", [0.0, 0.1])
@pytest.mark.parametrize("backbone", ["tiny_llama", "tiny_bert"])
def test_checkpointing_keeps_less_for_the_backward_pass(request, backbone, drop):
    folder = request.getfixturevalue(backbone)
    targets = {"lora_target_modules": "all-linear"}
    _, without = step(folder, checkpointing=False, drop=drop, **targets)
    _, with_it = step(folder, checkpointing=True, drop=drop, **targets)
    assert with_it < 0.7 * without


@pytest.mark.parametrize(
    ("freeze", "attention"), itertools.product([True, False], ["causal", "bidirectional"])
)
def test_checkpointing_changes_no_gradient(tiny_llama, freeze, attention):
    # With dropout, whose random numbers are the same the second time.
    settings = {"freeze_backbone": freeze, "attention": attention, "lora_dropout": 0.5, "drop": 0.1}
    without, _ = step(tiny_llama, checkpointing=False, **settings)
    with_it, _ = step(tiny_llama, checkpointing=True, **settings)
    assert without.keys() == with_it.keys()
    for name, gradient in without.items():
        torch.testing.assert_close(with_it[name], gradient, atol=1e-6, rtol=1e-4)


def test_checkpointing_is_refused_where_the_model_has_none():
    class Plain(PreTrainedModel):
        config_class = PretrainedConfig

    with pytest.raises(ValueError, match="gradient_checkpointing = true, but this backbone .* has none"):
        set_checkpointing(Plain(PretrainedConfig()), True)
