"""What autograd keeps of a Llama for the backward pass, in bytes a piece.

`e` is the size of what is computed with: 2 bytes under autocast to bfloat16 or float16, else 4; `s` that of a hidden
state: 4 where the embeddings are trained, else e. H is the hidden size, A that of all attention heads together, I that
of the MLP, r an adapter's rank, K the number of tags. Kept of a layer that gradients flow through:

    2 norms          2 (4 H + 4)    input in float32, 1 / root mean square
    attention        4 e A          queries; keys and values, repeated for all heads; output
                     4 heads        log of the softmax's denominator, in float32
                     e P            mask of a padded batch where attention is causal: a row of P pieces
    MLP              3 e I          gate, silu(gate), up
    an adapter       e n            its input, n wide, in a copy of its own
                     m n            dropout's mask; m is 1 byte on CUDA, 4 elsewhere
                     e r            what lies between A and B
                     4 e n_out      DoRA alone: what it scales
    trained weights  e n            input of each linear layer
                     s H            of each norm: what is scaled

A frozen linear layer keeps nothing: its gradient needs its weight alone. In float32, layers that read the same states
share one copy, unless dropout changes it. Eager attention keeps its probabilities, heads P (4 + 2 if e is 2), and
neither output, denominator nor mask. Layers below the first that learns keep nothing, and what comes into that one
needs no gradient. The last norm keeps 4 H + 4. With checkpointing a layer keeps its input alone, s H. A word keeps its
state for the head, (4 + m) H, and in the losses about 20 K; the CRF's sums, some 30 K, are NumPy's, on the CPU.

Source: transformers 4.53, `modeling_llama.py` and `sdpa_attention.py`; peft, `tuners/lora/layer.py`; torch's autograd.
docs/memory.md holds it against what torch keeps.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from spacy_llama_ner.network.types import NetworkSettings

if TYPE_CHECKING:
    from torch import nn
    from transformers import PreTrainedModel

FLOAT32 = 4
# Linear layers of Llama that read the same states.
_SAME_INPUT = {"q_proj": "qkv", "k_proj": "qkv", "v_proj": "qkv", "gate_proj": "mlp", "up_proj": "mlp"}


@dataclass(frozen=True, slots=True)
class Kept:
    """Bytes a piece, or a word where it says so.

    layers (List[float]): Per layer, all that is kept of it without checkpointing.
    layer_input (float): What a layer keeps with checkpointing.
    last_norm (float): Of the norm after the last layer.
    word (float): Of a word, in head and losses.
    passing (float): Gradients and copies that live while one layer is worked on, as seen at the peak.
    """

    layers: list[float]
    layer_input: float
    last_norm: float
    word: float
    passing: float


def kept_bytes(
    trunk: "PreTrainedModel",
    settings: NetworkSettings,
    *,
    row: int,
    tags: int,
    dropout: float,
    on_cuda: bool,
    width: int,
) -> Kept:
    """Add up what is kept of one piece.

    trunk (PreTrainedModel): With its adapters, on any device; see `shape.build_shape`.
    settings (NetworkSettings): Attention, adapters.
    row (int): Pieces of a window, padding included.
    tags (int): Tags of the CRF.
    dropout (float): `[training] dropout`; at 0 adapters have none, either.
    on_cuda (bool): Whether dropout is CUDA's.
    width (int): Bytes of what is computed with: 2 or 4.
    RETURNS (Kept): Bytes.
    RAISES (ValueError): If no list of layers is found.
    """
    from spacy_llama_ner.network.layers import layer_range, stack

    if (found := stack(trunk)) is None:
        raise ValueError(f"no list of layers found in this backbone ({trunk.config.model_type}): no estimate")
    hidden = trunk.config.hidden_size
    inner = getattr(trunk.config, "intermediate_size", None) or 4 * hidden  # GPT-2 says it so
    embeddings: Any = trunk.get_input_embeddings()
    embeds = embeddings.weight.requires_grad
    state = FLOAT32 if embeds else width
    mask = (1 if on_cuda else FLOAT32) if dropout > 0 else 0
    adapter_mask = mask if settings.lora_dropout > 0 else 0
    bidirectional = layer_range(trunk, settings.attention)
    norm = 4 * hidden + 4
    sizes: list[float] = []
    for number, layer in enumerate(found[1]):
        flows = embeds or any(sizes)  # a gradient goes through to what is below
        if not flows and not any(weight.requires_grad for weight in layer.parameters()):
            sizes.append(0.0)
            continue
        attention = _attention_bytes(trunk.config, row, width, causal=number not in bidirectional)
        size = 2 * norm + attention + 3 * width * inner + sum(_linear_bytes(layer, width, adapter_mask))
        size += state * hidden * _count_trained_norms(layer)
        if not flows:
            reading = [site for site in _sites(layer) if site.rank and _SAME_INPUT.get(site.end) == "qkv"]
            size -= norm + adapter_mask * sum(site.inputs for site in reading)
        sizes.append(float(size))
    flows = embeds or any(sizes)
    last_trained = any(
        weight.requires_grad for name, weight in trunk.named_parameters() if name == "norm.weight"
    )
    return Kept(
        layers=sizes,
        layer_input=float(state * hidden),
        last_norm=float(norm * flows + state * hidden * last_trained),
        word=float((FLOAT32 + mask) * hidden + 20 * tags),
        passing=float(max(3 * width * inner + 8 * hidden, 20 * hidden)) if flows else 0.0,
    )


def _attention_bytes(config: Any, row: int, width: int, *, causal: bool) -> int:
    heads = config.num_attention_heads
    across = heads * (getattr(config, "head_dim", None) or config.hidden_size // heads)
    if config._attn_implementation == "eager":
        return 3 * width * across + heads * row * (FLOAT32 + (width if width < FLOAT32 else 0))
    return 4 * width * across + FLOAT32 * heads + (width * row if causal else 0)


@dataclass(frozen=True, slots=True)
class _Site:
    """A linear layer: the end of its name, its sizes, its adapter's rank (0 for none), whether it is trained."""

    end: str
    inputs: int
    outputs: int
    rank: int
    dora: bool
    trained: bool


def _linear_bytes(layer: "nn.Module", width: int, mask: int) -> Iterator[int]:
    """YIELDS (int): What linear layers and their adapters keep."""
    shared: dict[str, int] = {}
    for site in _sites(layer):
        own = {_SAME_INPUT.get(site.end, site.end): site.inputs}
        if site.rank:
            yield width * site.rank + mask * site.inputs + site.dora * 4 * width * site.outputs
            if width == FLOAT32 and not mask:
                shared |= own
            else:
                yield width * site.inputs
        if site.trained:
            if width == FLOAT32:
                shared |= own
            else:
                yield width * site.inputs
    yield sum(width * size for size in shared.values())


def _sites(layer: "nn.Module") -> Iterator[_Site]:
    from peft.tuners.lora import LoraLayer
    from torch import nn

    for name, module in layer.named_modules():
        if ".lora_" in name or name.endswith(".base_layer"):
            continue
        if isinstance(module, LoraLayer):
            base: Any = module.get_base_layer()
            rank, dora = module.r["default"], bool(module.use_dora["default"])
        elif isinstance(module, nn.Linear):
            base, rank, dora = module, 0, False
        else:
            continue
        end = name.rsplit(".", 1)[-1]
        yield _Site(end, module.in_features, module.out_features, rank, dora, base.weight.requires_grad)


def _count_trained_norms(layer: "nn.Module") -> int:
    named = layer.named_parameters()
    return sum(weight.requires_grad and weight.ndim == 1 and "norm" in name.lower() for name, weight in named)
