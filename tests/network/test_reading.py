import numpy as np
import pytest
import torch

from spacy_llama_ner.network.network import TaggingNetwork
from spacy_llama_ner.network.reading import ReadingSettings, fastest_dtype, reading_dtype
from spacy_llama_ner.network.types import BackboneSource, NetworkSettings, PieceBatch

BATCH = PieceBatch(
    windows=[[0, 5, 6, 7], [0, 8, 9]],
    window_index=np.array([0, 0, 0, 1, 1]),
    position=np.array([1, 2, 3, 1, 2]),
    token_index=np.array([0, 1, 2, 3, 4]),
    doc_lengths=[3, 2],
)


@pytest.fixture
def network(tiny_llama):
    torch.manual_seed(0)
    settings = NetworkSettings(lora_rank=4)
    network = TaggingNetwork.build(BackboneSource(str(tiny_llama)), ["PER"], settings)
    move_adapters(network)
    return network


def move_adapters(network):
    for name, weight in network.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.3)


def read(network):
    return np.concatenate(network.predict(BATCH, max_batch_pieces=100))


def adapted(network):
    with torch.inference_mode():
        return network.emissions(BATCH, max_batch_pieces=100).numpy()


def test_predict_with_merged_adapters_equals_adapters_beside(network):
    merged = read(network)
    network.read_with(ReadingSettings(merge=False))
    np.testing.assert_allclose(merged, read(network), atol=1e-4)
    np.testing.assert_allclose(merged, adapted(network), atol=1e-4)


def test_predict_leaves_the_trained_weights_alone(network):
    before = {name: weight.clone() for name, weight in network.state_dict().items()}
    network.read_with(ReadingSettings(dtype="bfloat16"))
    read(network)
    after = network.state_dict()
    assert after.keys() == before.keys()
    for name, weight in before.items():
        torch.testing.assert_close(after[name], weight, rtol=0, atol=0)


def test_predict_copies_no_weight_that_stays_as_it_is(network):
    read(network)
    reading = network._reading.backbone
    assert reading.embed_tokens.weight is network.trunk.embed_tokens.weight
    assert not any("lora" in name for name, _ in reading.named_parameters())


def test_predict_after_training_reads_the_new_weights(network):
    before = read(network)
    with network.training_mode(0.0):
        move_adapters(network)
    assert np.abs(read(network) - before).max() > 0.01
    np.testing.assert_allclose(read(network), adapted(network), atol=1e-4)


def test_predict_dtype_is_what_all_weights_are_in(network):
    wide = read(network)
    network.read_with(ReadingSettings(dtype="bfloat16"))
    np.testing.assert_allclose(read(network), wide, atol=0.2)
    assert {weight.dtype for weight in network._reading.backbone.parameters()} == {torch.bfloat16}


def test_reading_dtype_is_that_of_training_or_set():
    cpu = torch.device("cpu")
    assert reading_dtype(None, cpu, torch.float16) == torch.float16
    assert reading_dtype("bfloat16", cpu, torch.float32) == torch.bfloat16


@pytest.mark.parametrize(("has_it", "dtype"), [(True, torch.bfloat16), (False, torch.float32)])
def test_auto_is_bfloat16_where_the_cpu_has_it(monkeypatch, has_it, dtype):
    monkeypatch.setattr("torch.cpu.get_capabilities", lambda: {"avx512_bf16": has_it})
    assert fastest_dtype(torch.device("cpu"), torch.float32) == dtype


def test_auto_leaves_a_narrow_backbone_as_it_is():
    assert fastest_dtype(torch.device("cpu"), torch.float16) == torch.float16
