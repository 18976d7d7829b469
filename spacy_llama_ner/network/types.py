"""Shapes and settings of every hand-over into the network.

Letters used for shapes in this package: D docs, T tokens (of one doc where padded with D, of all docs where
flat), W windows, P pieces of a window with padding, N pieces chosen to stand for tokens, H hidden size,
K tags, L labels.
"""

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from numbers import Integral, Real
from typing import Any

import numpy as np

POOLINGS = ("first", "last", "mean")
DTYPES = ("float32", "bfloat16", "float16")
PEFTS = (None, "lora")
ATTENTION_PROJECTIONS = ("q_proj", "k_proj", "v_proj", "o_proj")
# What stands for a list of target modules.
TARGET_GROUPS = ("attention", "all-linear")
ATTN_IMPLEMENTATIONS = (None, "sdpa", "eager", "flash_attention_2")
QUANTIZATIONS = (None, "int8", "nf4", "torchao-int8")


@dataclass(frozen=True)
class BackboneSource:
    """Where the backbone's weights come from, in which precision, and whether saving copies them.

    name (str): Folder or Hugging Face hub name.
    revision (Optional[str]): Branch, tag or commit on the hub; None is the default branch, or, in a saved
        pipeline, the commit it was trained on.
    dtype (str): "float32", "bfloat16" or "float16": of the frozen weights, and of what is computed with. Weights
        that are trained are float32 in any case.
    save_inside (bool): Save the weights inside the pipeline instead of a reference to them. A backbone that
        is trained as a whole is always saved inside.
    attn_implementation (Optional[str]): The kernel: "sdpa", "eager" or "flash_attention_2"; None lets transformers
        choose.
    quantization (Optional[str]): "int8", "nf4" or "torchao-int8": how the frozen weights are rounded when they are
        loaded, see `quantization`; None for not at all.
    """

    name: str
    revision: str | None = None
    dtype: str = "float32"
    save_inside: bool = False
    attn_implementation: str | None = None
    quantization: str | None = None

    def __post_init__(self) -> None:
        if not self.name.strip():
            raise ValueError("backbone: name is empty; give a folder or a Hugging Face hub name")
        if self.revision is not None and not self.revision.strip():
            raise ValueError("backbone.revision: empty; give a branch, tag or commit, or null")
        check_choice("backbone.dtype", self.dtype, DTYPES)
        check_choice("backbone.attn_implementation", self.attn_implementation, ATTN_IMPLEMENTATIONS)
        check_choice("backbone.quantization", self.quantization, QUANTIZATIONS)
        if self.quantization == "torchao-int8" and self.save_inside:
            raise ValueError(
                'backbone.quantization = "torchao-int8" is applied at each load and cannot be saved; set '
                'backbone.save_inside = false, or quantization = "int8", which can be'
            )
        if self.attn_implementation == "flash_attention_2" and self.dtype == "float32":
            raise ValueError(
                'backbone.attn_implementation = "flash_attention_2" computes in 16 bits only; set backbone.dtype = '
                '"bfloat16", or another attn_implementation'
            )


@dataclass(frozen=True)
class NetworkSettings:
    """Everything but the labels and the backbone's source that a network is built from. Plain data.

    attention (str): See `parse_attention`.
    layers (Optional[int]): Use so many of the backbone's layers, from the first; None for all.
    pooling (str): Which of a token's pieces stands for it: "first", "last" or "mean". Of a token that is longer
        than a window, one piece of each window: the mean of these.
    use_crf (bool): Learn transitions between tags; without it the head is a softmax over legal tags.
    freeze_backbone (bool): Keep the backbone's own weights as they are; False trains all of them.
    unfreeze_layers (int): Train so many of a frozen backbone's layers all the same, from the last, with its last norm.
    peft (Optional[str]): "lora" for low-rank adapters, None for none.
    lora_rank, lora_alpha (int), lora_dropout (float): The adapters' rank, scale (alpha / rank) and dropout.
    lora_target_modules (Sequence[str]): Names of the linear layers that get an adapter; or "attention" for those of the
        attention, "all-linear" for all.
    lora_layers (Optional[int]): Adapters in so many of the layers alone, from the last; None for all.
    use_rslora (bool): Scale by alpha / sqrt(rank). Source: Kalajdzievski (2023), A Rank Stabilization Scaling Factor.
    use_dora (bool): Learn the size of each weight's columns apart from their direction. Source: Liu et al. (2024),
        DoRA.
    """

    attention: str = "bidirectional"
    layers: int | None = None
    pooling: str = "last"
    use_crf: bool = True
    freeze_backbone: bool = True
    unfreeze_layers: int = 0
    peft: str | None = "lora"
    lora_rank: int = 16
    lora_alpha: int = 32
    lora_dropout: float = 0.05
    lora_target_modules: Sequence[str] = ATTENTION_PROJECTIONS
    lora_layers: int | None = None
    use_rslora: bool = False
    use_dora: bool = False

    def __post_init__(self) -> None:
        parse_attention(self.attention)
        check_choice("pooling", self.pooling, POOLINGS)
        check_choice("peft", self.peft, PEFTS)
        leasts = {"lora_rank": 1, "lora_alpha": 1, "layers": 1, "lora_layers": 1, "unfreeze_layers": 0}
        for name, least in leasts.items():
            value = getattr(self, name)
            if name in ("layers", "lora_layers") and value is None:
                continue
            check_number(name, value, whole=True)
            if value < least:
                raise ValueError(f"{name}: expected a whole number from {least}, got {value}")
        if self.unfreeze_layers and not self.freeze_backbone:
            raise ValueError(
                f"unfreeze_layers: {self.unfreeze_layers} with freeze_backbone = false, which trains all layers. Set "
                "freeze_backbone = true to train the last ones alone, or unfreeze_layers = 0"
            )
        check_number("lora_dropout", self.lora_dropout)
        if not 0.0 <= self.lora_dropout < 1.0:
            raise ValueError(f"lora_dropout: expected 0 <= rate < 1, got {self.lora_dropout}")
        if isinstance(self.lora_target_modules, str):
            if self.lora_target_modules in TARGET_GROUPS:
                return
            raise ValueError(
                f"lora_target_modules: expected a list, such as [{self.lora_target_modules!r}], or one of "
                f"{', '.join(map(repr, TARGET_GROUPS))}, got the text {self.lora_target_modules!r}"
            )
        if self.peft and not self.lora_target_modules:
            raise ValueError("lora_target_modules: empty; name at least one linear layer, or set peft = null")
        # A list from a config and a tuple from a default are the same setting.
        object.__setattr__(self, "lora_target_modules", list(self.lora_target_modules))

    @property
    def trains_backbone(self) -> bool:
        """Whether any of the backbone's own weights are trained."""
        return not self.freeze_backbone or self.unfreeze_layers > 0

    def to_dict(self) -> dict[str, Any]:
        """RETURNS (dict): The settings as JSON-serializable data."""
        return asdict(self)

    def differences(self, other: dict[str, Any]) -> list[str]:
        """Compare with saved settings.

        other (dict): The result of an earlier `to_dict`; what it lacks was not there yet and is as by default.
        RETURNS (List[str]): One line per setting that differs.
        """
        mine, saved = self.to_dict(), NetworkSettings().to_dict() | other
        return [
            f"{field.name}: config has {mine[field.name]!r}, saved weights have {saved[field.name]!r}"
            for field in fields(self)
            if mine[field.name] != saved[field.name]
        ]


@dataclass(frozen=True)
class PieceBatch:
    """Docs as windows of pieces, and which of these pieces belong to which token.

    windows (List[List[int]]): W lists of piece ids, special pieces included.
    window_index (ndarray): Int64, shape (N,), not decreasing within a token; the window that holds each chosen piece.
    position (ndarray): Int64, shape (N,); its position in that window.
    token_index (ndarray): Int64, shape (N,), not decreasing; its token, counted through all docs.
    doc_lengths (List[int]): D token counts; their sum is T. A token may have no piece at all.
    """

    windows: list[list[int]]
    window_index: np.ndarray
    position: np.ndarray
    token_index: np.ndarray
    doc_lengths: list[int]


@dataclass(frozen=True)
class ScoredSpan:
    """One predicted entity over a doc's tokens: [start, end), its label's index and its probability."""

    start: int
    end: int
    label: int
    score: float


class DivergedError(ValueError):
    """Scores that are nan, infinite or too large to go on with. `value` is the worst of them."""

    def __init__(self, value: float) -> None:
        super().__init__(f"the network's scores became {value:.3g}")
        self.value = value

    def __reduce__(self) -> tuple[type["DivergedError"], tuple[float]]:
        return type(self), (self.value,)


def parse_attention(attention: str) -> slice | None:
    """Read the setting `attention`.

    attention (str): "causal"; "bidirectional"; or "bidirectional[START:END]", bidirectional in these layers and causal
        in the others, with START and END as in Python: either may be left out or be counted from the end.
    RETURNS (Optional[slice]): The bidirectional layers; None for none.
    RAISES (ValueError): If it is none of these.
    """
    if attention == "causal":
        return None
    found = re.fullmatch(r"bidirectional(?:\[(-?\d+)?:(-?\d+)?\])?", str(attention))
    if found is None:
        raise ValueError(
            'attention: expected "causal", "bidirectional" or a range of layers such as "bidirectional[8:16]", '
            f"got {attention!r}"
        )
    return slice(*(int(bound) if bound else None for bound in found.groups()))


def check_number(name: str, value: Any, *, whole: bool = False) -> None:
    """Check that a setting is a number: spaCy lets a number in quotes through as a text.

    name (str): The setting.
    value (Any): Its value.
    whole (bool): Whether only an int will do.
    RAISES (ValueError): If it is none.
    """
    if isinstance(value, bool) or not isinstance(value, Integral if whole else Real):
        kind = "a whole number" if whole else "a number"
        hint = "; write it without quotes" if isinstance(value, str) else ""
        raise ValueError(f"{name}: expected {kind}, got {value!r}{hint}")


def check_choice(name: str, value: Any, choices: Sequence[Any]) -> None:
    """RAISES (ValueError): If a setting has a value that is none of the choices."""
    if value not in choices:
        listed = ", ".join("null" if choice is None else f'"{choice}"' for choice in choices)
        raise ValueError(f"{name}: expected one of {listed}, got {value!r}")
