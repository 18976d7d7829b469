"""Shapes and settings of every hand-over into the network.

Letters used for shapes in this package: D docs, T tokens (of one doc where padded with D, of all docs where
flat), W windows, P pieces of a window with padding, N pieces chosen to stand for tokens, H hidden size,
K tags, L labels.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from numbers import Integral, Real
from typing import Any

import numpy as np

ATTENTIONS = ("causal", "bidirectional")
POOLINGS = ("first", "last", "mean")
DTYPES = ("float32", "bfloat16", "float16")
PEFTS = (None, "lora")
ATTENTION_PROJECTIONS = ("q_proj", "k_proj", "v_proj", "o_proj")


@dataclass(frozen=True)
class BackboneSource:
    """Where the backbone's weights come from, in which precision, and whether saving copies them.

    name (str): Folder or Hugging Face hub name.
    revision (Optional[str]): Branch, tag or commit on the hub; None is the default branch, or, in a saved
        pipeline, the commit it was trained on.
    dtype (str): "float32", "bfloat16" or "float16".
    save_inside (bool): Save the weights inside the pipeline instead of a reference to them. A backbone that
        is trained is always saved inside.
    """

    name: str
    revision: str | None = None
    dtype: str = "float32"
    save_inside: bool = False

    def __post_init__(self) -> None:
        if not self.name.strip():
            raise ValueError("backbone: name is empty; give a folder or a Hugging Face hub name")
        if self.revision is not None and not self.revision.strip():
            raise ValueError("backbone.revision: empty; give a branch, tag or commit, or null")
        _check_choice("backbone.dtype", self.dtype, DTYPES)


@dataclass(frozen=True)
class NetworkSettings:
    """Everything but the labels and the backbone's source that a network is built from. Plain data.

    attention (str): "causal" or "bidirectional".
    pooling (str): Which of a token's pieces stands for it: "first", "last" or "mean". Of a token that is longer
        than a window, one piece of each window: the mean of these.
    use_crf (bool): Learn transitions between tags; without it the head is a softmax over legal tags.
    freeze_backbone (bool): Keep the backbone's own weights as they are.
    peft (Optional[str]): "lora" for low-rank adapters, None for none.
    lora_rank, lora_alpha (int), lora_dropout (float): The adapters' rank, scale (alpha / rank) and dropout.
    lora_target_modules (Sequence[str]): Names of the linear layers that get an adapter.
    """

    attention: str = "bidirectional"
    pooling: str = "last"
    use_crf: bool = True
    freeze_backbone: bool = True
    peft: str | None = "lora"
    lora_rank: int = 16
    lora_alpha: int = 32
    lora_dropout: float = 0.05
    lora_target_modules: Sequence[str] = ATTENTION_PROJECTIONS

    def __post_init__(self) -> None:
        _check_choice("attention", self.attention, ATTENTIONS)
        _check_choice("pooling", self.pooling, POOLINGS)
        _check_choice("peft", self.peft, PEFTS)
        for name in ("lora_rank", "lora_alpha"):
            check_number(name, getattr(self, name), whole=True)
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: expected a whole number from 1, got {getattr(self, name)}")
        check_number("lora_dropout", self.lora_dropout)
        if not 0.0 <= self.lora_dropout < 1.0:
            raise ValueError(f"lora_dropout: expected 0 <= rate < 1, got {self.lora_dropout}")
        if isinstance(self.lora_target_modules, str):
            raise ValueError(
                f"lora_target_modules: expected a list, such as [{self.lora_target_modules!r}], got the text "
                f"{self.lora_target_modules!r}"
            )
        if self.peft and not self.lora_target_modules:
            raise ValueError("lora_target_modules: empty; name at least one linear layer, or set peft = null")
        # A list from a config and a tuple from a default are the same setting.
        object.__setattr__(self, "lora_target_modules", list(self.lora_target_modules))

    def to_dict(self) -> dict[str, Any]:
        """RETURNS (dict): The settings as JSON-serializable data."""
        return asdict(self)

    def differences(self, other: dict[str, Any]) -> list[str]:
        """Compare with saved settings.

        other (dict): The result of an earlier `to_dict`.
        RETURNS (List[str]): One line per setting that differs.
        """
        mine = self.to_dict()
        names = [field.name for field in fields(self)]
        return [
            f"{name}: config has {mine[name]!r}, saved weights have {other.get(name)!r}"
            for name in names
            if mine[name] != other.get(name)
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


def _check_choice(name: str, value: Any, choices: Sequence[Any]) -> None:
    if value not in choices:
        listed = ", ".join("null" if choice is None else f'"{choice}"' for choice in choices)
        raise ValueError(f"{name}: expected one of {listed}, got {value!r}")
