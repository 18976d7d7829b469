"""Expected memory of a training, item by item, from the backbone's shape and the config's settings alone.

Sizes are in bytes; activations are explained in `activations.py`. What is not counted: CUDA's own context and its
libraries (about 0.5 to 1 GB), the allocator's gaps, and, in main memory, Python and its libraries (about 1 GB).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from spacy_llama_ner.doctor.activations import FLOAT32, kept_bytes
from spacy_llama_ner.network.types import NetworkSettings
from spacy_llama_ner.pipeline.settings import RunSettings

if TYPE_CHECKING:
    from torch import nn
    from transformers import PreTrainedModel

# Names of items: what is there after loading, and what autograd keeps.
WEIGHTS = ("frozen weights", "trained weights")
KEPT = ("16-bit copies", "activations", "checkpoints", "head and CRF")


@dataclass(frozen=True, slots=True)
class BatchShape:
    """What the backbone reads in one step, between two optimizer steps of accumulated ones.

    windows (int): Rows.
    longest (int): Pieces of the longest row.
    pieces (int): Padding included.
    words (int): Words of the docs.
    """

    windows: int
    longest: int
    pieces: int
    words: int

    def __str__(self) -> str:
        return f"{self.windows} windows, {self.pieces:,} pieces"


@dataclass(frozen=True, slots=True)
class Item:
    """One line of the sum.

    name (str): What takes the memory.
    how (str): The arithmetic.
    size (float): Bytes.
    """

    name: str
    how: str
    size: float


def estimate_memory(
    trunk: "PreTrainedModel",
    settings: NetworkSettings,
    running: RunSettings,
    batch: BatchShape,
    *,
    tags: int,
    dropout: float,
    on_cuda: bool,
    width: int,
) -> list[Item]:
    """Add up what training needs at its peak.

    trunk (PreTrainedModel): From `shape.build_shape`.
    settings (NetworkSettings): How the network is built.
    running (RunSettings): For gradient checkpointing.
    batch (BatchShape): What one step reads.
    tags (int): Tags of head and CRF.
    dropout (float): `[training] dropout`.
    on_cuda (bool): Whether it is a CUDA device.
    width (int): Bytes of the dtype that is computed with.
    RETURNS (List[Item]): Their sum is the expected peak. That of loading is `WEIGHTS` alone: these go straight to the
        device, from files that are mapped.
    """
    n, again = batch.pieces, running.gradient_checkpointing
    kept = kept_bytes(
        trunk, settings, row=batch.longest, tags=tags, dropout=dropout, on_cuda=on_cuda, width=width
    )
    frozen, trained = count_weights(trunk)
    trained += tags * (trunk.config.hidden_size + 1) + tags * (tags + 2)
    copied = [width * count_copied(layer) if width != FLOAT32 else 0 for layer in _layers(trunk)]
    per_layer = [kept.layer_input] * len(kept.layers) if again else kept.layers
    per_piece = sum(per_layer) + kept.last_norm
    items = [
        Item("frozen weights", _product(frozen), sum(size * count for size, count in frozen.items())),
        Item("trained weights", f"{trained:,} x 4", FLOAT32 * trained),
        Item("their gradients", f"{trained:,} x 4", FLOAT32 * trained),
        Item("Adam's two moments", f"{trained:,} x 8", 2 * FLOAT32 * trained),
        Item("checkpoints" if again else "activations", f"{n:,} pieces x {per_piece:,.0f}", n * per_piece),
        Item("head and CRF", f"{batch.words:,} words x {kept.word:,.0f}", batch.words * kept.word),
        Item("passing, in one layer", f"{n:,} pieces x {kept.passing:,.0f}", n * kept.passing),
    ]
    if again:
        largest = max(kept.layers, default=0.0)
        items.append(Item("one layer, computed again", f"{n:,} pieces x {largest:,.0f}", n * largest))
    if any(copied):
        name, size = ("a layer's 16-bit copies", max(copied)) if again else ("16-bit copies", sum(copied))
        items.append(Item(name, f"{size // width:,} x {width}", size))
    held = [n * layer + (0 if again else size) for layer, size in zip(per_layer, copied, strict=True)]
    if spared := _spared(trunk, held):
        items.append(Item("gradients for activations", "one comes as the other goes", -spared))
    return items


def _spared(trunk: "PreTrainedModel", held: Sequence[float]) -> float:
    """Say by how much the peak is below the sum of what is kept and the gradients.

    The backward pass goes from the last layer to the first: where it was, gradients have come, and what was kept has
    gone.

    trunk (PreTrainedModel): The backbone.
    held (Sequence[float]): Bytes kept of each layer.
    RETURNS (float): Bytes.
    """
    gradients = [FLOAT32 * count_weights(layer)[1] for layer in _layers(trunk)]
    most = now = sum(held)
    for gone, come in zip(reversed(held), reversed(gradients), strict=True):
        now += come - gone
        most = max(most, now)
    embeddings: Any = trunk.get_input_embeddings()
    last = FLOAT32 * count_weights(embeddings)[1]
    return sum(held) + sum(gradients) + last - max(most, now + last)


def total(items: Iterable[Item]) -> float:
    """RETURNS (float): The sum, in bytes."""
    return sum(item.size for item in items)


def expected_kept(items: Iterable[Item]) -> float:
    """RETURNS (float): What autograd keeps for the backward pass, in bytes, as `count_kept` counts it."""
    return total(item for item in items if item.name in KEPT)


def count_weights(module: "nn.Module") -> tuple[dict[int, int], int]:
    """RETURNS (Tuple[Dict[int, int], int]): Frozen weights by their size in bytes, and those that are trained."""
    frozen: dict[int, int] = {}
    trained = 0
    for weight in module.parameters():
        if weight.requires_grad:
            trained += weight.numel()
        else:
            frozen[weight.element_size()] = frozen.get(weight.element_size(), 0) + weight.numel()
    return frozen, trained


def count_copied(layer: "nn.Module") -> int:
    """RETURNS (int): Trained weights of which autocast makes a copy: matrices."""
    return sum(weight.numel() for weight in layer.parameters() if weight.requires_grad and weight.ndim > 1)


def _layers(trunk: "PreTrainedModel") -> "list[nn.Module]":
    from spacy_llama_ner.network.layers import stack

    found = stack(trunk)
    return list(found[1]) if found else []


def _product(counts: Mapping[int, int]) -> str:
    return " + ".join(f"{count:,} x {size}" for size, count in counts.items()) or "0"
