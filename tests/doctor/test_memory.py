"""Expected memory against what torch really keeps and allocates."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import LlamaConfig, LlamaModel

from spacy_llama_ner.doctor.kept import count_kept
from spacy_llama_ner.doctor.memory import (
    WEIGHTS,
    BatchShape,
    count_copied,
    count_weights,
    estimate_memory,
    expected_kept,
    total,
)
from spacy_llama_ner.doctor.shape import build_shape
from spacy_llama_ner.network.backbone import BackboneReference, load_tokenizer
from spacy_llama_ner.network.loss import CompoundLoss
from spacy_llama_ner.network.network import TaggingNetwork
from spacy_llama_ner.network.types import BackboneSource, NetworkSettings, PieceBatch
from spacy_llama_ner.pipeline.settings import RunSettings

sys.path.insert(0, str(Path(__file__).parent))
from allocations import Allocations

TAGS = 9
SHAPE = {
    "vocab_size": 400,
    "hidden_size": 128,
    "intermediate_size": 384,
    "num_hidden_layers": 4,
    "num_attention_heads": 8,
    "num_key_value_heads": 2,
    "head_dim": 16,
}
EVERY = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


class Case:
    """A network on random weights, a batch for it, and what is expected of both."""

    def __init__(
        self,
        tokenizer: Path,
        dtype: str,
        *,
        drop: float,
        checkpointing: bool,
        kernel: str,
        **settings: object,
    ) -> None:
        torch.manual_seed(0)
        self.drop = drop
        asked = NetworkSettings(lora_rank=4, **settings)  # type: ignore[arg-type]
        source = BackboneSource("random", dtype=dtype, attn_implementation=kernel)
        trunk = LlamaModel(LlamaConfig(**SHAPE, attn_implementation=kernel)).to(getattr(torch, dtype)).eval()
        labels = ["PER", "ORG", "LOC", "MISC"]
        reference = BackboneReference("random", None, "")
        self.network = TaggingNetwork(trunk, load_tokenizer(str(tokenizer)), labels, asked, reference)
        self.network.set_checkpointing(checkpointing)
        lengths = [32, 31, 30, 29, 32, 28, 31, 32]
        shape = BatchShape(len(lengths), max(lengths), len(lengths) * max(lengths), sum(lengths))
        self.batch = PieceBatch(
            [[1 + i % 300 for i in range(length)] for length in lengths],
            np.repeat(np.arange(len(lengths)), lengths),
            np.concatenate([np.arange(length) for length in lengths]),
            np.arange(sum(lengths)),
            lengths,
        )
        self.allowed = [np.eye(TAGS, dtype=bool)[np.zeros(length, dtype=int)] for length in lengths]
        self.items = estimate_memory(
            build_shape(LlamaConfig(**SHAPE), source, asked),
            asked,
            RunSettings(gradient_checkpointing=checkpointing),
            shape,
            tags=TAGS,
            dropout=drop,
            on_cuda=False,
            width=4 if dtype == "float32" else 2,
        )

    def step(self) -> None:
        with self.network.training_mode(self.drop):
            terms = self.network.loss(self.batch, self.allowed, CompoundLoss(), max_batch_pieces=10_000)
            terms.total.backward()


@pytest.fixture
def make_case(tiny_llama):
    def make(dtype="bfloat16", *, drop=0.1, checkpointing=False, kernel="sdpa", **settings):
        return Case(tiny_llama, dtype, drop=drop, checkpointing=checkpointing, kernel=kernel, **settings)

    return make


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"drop": 0.0},
        {"dtype": "float32"},
        {"dtype": "float32", "drop": 0.0},
        {"attention": "causal"},
        {"attention": "bidirectional[2:]"},
        {"kernel": "eager"},
        {"kernel": "eager", "dtype": "float32"},
        {"lora_target_modules": EVERY},
        {"lora_target_modules": EVERY, "dtype": "float32", "drop": 0.0},
        {"use_crf": False},
        {"unfreeze_layers": 2},
        {"unfreeze_layers": 2, "peft": None},
        {"unfreeze_layers": 2, "peft": None, "dtype": "float32"},
        {"freeze_backbone": False, "peft": None},
        {"freeze_backbone": False, "peft": None, "dtype": "float32"},
    ],
    ids=str,
)
def test_estimate_memory_expects_what_autograd_keeps(make_case, settings):
    case = make_case(**settings)
    with count_kept(case.network) as kept:
        case.step()
    assert expected_kept(case.items) == pytest.approx(kept.size, rel=0.02)


def test_estimate_memory_of_dora_is_about_right(make_case):
    case = make_case(use_dora=True)
    with count_kept(case.network) as kept:
        case.step()
    assert expected_kept(case.items) == pytest.approx(kept.size, rel=0.15)


def expected_peak(case):
    absent = (
        "Adam's two moments",
        *WEIGHTS,
    )  # the optimizer has not been there, and weights were made before
    return total(item for item in case.items if item.name not in absent)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"dtype": "float32"},
        {"freeze_backbone": False, "peft": None},
        {"unfreeze_layers": 2},
    ],
    ids=str,
)
def test_estimate_memory_expects_the_peak_of_a_step(make_case, settings):
    case = make_case(**settings)
    with Allocations() as allocations:
        case.step()
    assert expected_peak(case) == pytest.approx(allocations.peak, rel=0.1)


@pytest.mark.parametrize("dtype", ["bfloat16", "float32"])
def test_estimate_memory_with_checkpointing_is_a_bound(make_case, dtype):
    case = make_case(dtype, checkpointing=True)
    with Allocations() as allocations:
        case.step()
    # The head's part, large in so small a network, is gone when a layer is computed again.
    assert allocations.peak <= expected_peak(case) <= 1.4 * allocations.peak


def test_checkpointing_needs_less(make_case):
    assert total(make_case(checkpointing=True).items) < 0.6 * total(make_case().items)


def test_count_weights_of_a_hand_counted_shape():
    config = LlamaConfig(**SHAPE)
    source = BackboneSource("x", dtype="bfloat16")
    trunk = build_shape(config, source, NetworkSettings(lora_rank=4, unfreeze_layers=1))
    attention, mlp = 128 * (128 + 32 + 32 + 128), 3 * 128 * 384
    adapters = 4 * 4 * (2 * (128 + 128) + 2 * (128 + 32))
    layer = attention + mlp + 2 * 128
    frozen, trained = count_weights(trunk)
    assert frozen == {2: 400 * 128 + 3 * layer}
    assert trained == adapters + layer + 128  # the last norm goes with the last layer
    assert count_copied(trunk.layers[-1]) == adapters // 4 + attention + mlp


def test_estimate_memory_counts_weights_gradients_and_moments(make_case):
    items = {item.name: item for item in make_case().items}
    trained = 4 * 4 * (2 * (128 + 128) + 2 * (128 + 32)) + 9 * 129 + 9 * 9 + 2 * 9
    assert items["trained weights"].size == items["their gradients"].size == 4 * trained
    assert items["Adam's two moments"].size == 8 * trained
    assert items["frozen weights"].how == f"{400 * 128 + 4 * (128 * 320 + 3 * 128 * 384 + 256) + 128:,} x 2"


def test_count_kept_counts_each_storage_once():
    weight = torch.nn.Linear(4, 4, bias=False)
    given = torch.ones(2, 4)
    with count_kept(weight) as kept:
        hidden = weight(given)  # keeps its input, 32 bytes; the weight is left out
        (hidden * hidden).sum()  # keeps hidden, twice the same
    assert kept.size == 32 + 32
