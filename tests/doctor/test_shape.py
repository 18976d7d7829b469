"""The backbone without weights."""

import pytest

from spacy_llama_ner.doctor.shape import build_shape, known_config, read_config
from spacy_llama_ner.network.types import BackboneSource, NetworkSettings


def test_known_config_is_that_of_llama_3_2_1b():
    source = BackboneSource("unsloth/Llama-3.2-1B-Instruct", dtype="bfloat16")
    trunk = build_shape(known_config(source), source, NetworkSettings())
    weights = [weight for weight in trunk.parameters() if not weight.requires_grad]
    # The hub says 1,235,814,400 parameters of this model.
    assert sum(weight.numel() for weight in weights) == 1_235_814_400
    assert {str(weight.device) for weight in weights} == {"meta"}


def test_known_config_of_another_model_is_none():
    assert known_config(BackboneSource("someone/Llama-3.2-11B")) is None


def test_build_shape_uses_the_first_layers_alone(tiny_llama):
    source = BackboneSource(str(tiny_llama))
    trunk = build_shape(read_config(source), source, NetworkSettings(layers=1))
    assert len(trunk.layers) == 1


def test_build_shape_refuses_unknown_target_modules(tiny_llama):
    source = BackboneSource(str(tiny_llama))
    with pytest.raises(ValueError, match="no linear layer named query"):
        build_shape(read_config(source), source, NetworkSettings(lora_target_modules=["query"]))
