"""Load the backbone: the trunk of a Hugging Face model and its tokenizer, and tell one from another."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import AutoConfig, AutoModel, AutoTokenizer, PretrainedConfig, PreTrainedModel
from transformers.models.auto.modeling_auto import MODEL_MAPPING
from transformers.tokenization_utils_fast import PreTrainedTokenizerFast
from transformers.utils import logging

from spacy_llama_ner.hub import find_model
from spacy_llama_ner.hub_errors import diagnose
from spacy_llama_ner.network.attention import is_switched
from spacy_llama_ner.network.quantization import check_quantization
from spacy_llama_ner.network.types import BackboneSource, NetworkSettings

SAMPLES_PER_TENSOR = 1024


@dataclass(frozen=True)
class BackboneReference:
    """What a saved pipeline remembers of a backbone that it does not contain.

    name (str): The folder or hub name it was loaded from.
    revision (Optional[str]): The hub's commit; None for a folder.
    fingerprint (str): See `fingerprint`.
    asked_revision (Optional[str]): The branch or tag that the config named, if it did.
    config (Optional[Dict[str, Any]]): See `identity.shaping_config`; None in pipelines saved before it was kept.
    merged (bool): Whether what was trained is merged into it, so that nobody else has its weights.
    """

    name: str
    revision: str | None
    fingerprint: str
    asked_revision: str | None = None
    config: dict[str, Any] | None = None
    merged: bool = False


def load_trunk(
    name: str,
    *,
    revision: str | None = None,
    dtype: str = "float32",
    layers: int | None = None,
    attn_implementation: str | None = None,
    quantized: bool = False,
    device: torch.device | None = None,
) -> PreTrainedModel:
    """Load a model without its language-model head, in evaluation mode.

    name (str): Folder or hub name.
    revision (Optional[str]): Branch, tag or commit on the hub.
    dtype (str): "float32", "bfloat16" or "float16".
    layers (Optional[int]): Load so many layers, from the first; None for all.
    attn_implementation (Optional[str]): See `BackboneSource`.
    quantized (bool): Whether its files may hold quantized weights.
    device (Optional[device]): Where the weights go, straight from their files; None for the CPU.
    RETURNS (PreTrainedModel): The trunk.
    RAISES (ValueError): If it cannot be loaded, its files lack weights, it has fewer layers, or it is no decoder or
        encoder.
    """
    options = _place("backbone", name, revision)
    options["config"] = config = _read_config(name, revision, options)
    if layers is not None:
        _shorten(config, name, layers)
    if attn_implementation is not None:
        options["attn_implementation"] = attn_implementation
    if quantized or (device is not None and device.type != "cpu"):
        # Said even for the CPU where the weights are quantized: transformers would take a GPU that it sees.
        options["device_map"] = {"": device or torch.device("cpu")}
    try:
        # transformers would warn of the layers that are left out.
        with _only_errors() if layers is not None else nullcontext():
            # Without a dtype the weights are loaded in float32 first: 2.3 times their size at the peak.
            trunk, info = _model_class(config).from_pretrained(
                name,
                torch_dtype=getattr(torch, dtype),
                output_loading_info=True,
                **options,
            )
    except Exception as error:  # transformers, huggingface_hub and safetensors raise many kinds
        raise ValueError(_cannot_load("backbone", name, revision, error)) from error
    # transformers makes them up at random, with no more than a warning. An encoder's pooler takes no part.
    if missing := sorted(key for key in info["missing_keys"] if ".pooler." not in f".{key}."):
        raise ValueError(
            f"backbone {name!r}: its files lack {len(missing)} of the model's weights, such as {missing[0]}; "
            "expected those of config.json's model. Get the files again"
        )
    if trunk.config.is_encoder_decoder:
        raise ValueError(
            f"backbone {name!r} is an encoder-decoder ({trunk.config.model_type}); "
            "expected a decoder (Llama, Mistral, Qwen, ...) or an encoder (BERT, RoBERTa, ...)"
        )
    return trunk.eval()


def load_backbone(
    source: BackboneSource,
    settings: NetworkSettings,
    *,
    name: str | None = None,
    device: torch.device | None = None,
) -> PreTrainedModel:
    """Load the trunk as a config asks for it, to be quantized when its fingerprint is taken; see `load_trunk`.

    source (BackboneSource): Where the backbone comes from.
    settings (NetworkSettings): How much of it is used.
    name (Optional[str]): A folder to take instead of the source's name and revision.
    device (Optional[device]): Where it goes; None for the CPU.
    RETURNS (PreTrainedModel): The trunk; quantized only if it was stored so.
    RAISES (ValueError): If it cannot be loaded, or not be quantized with these settings.
    """
    check_quantization(source, settings)
    return load_trunk(
        name or source.name,
        revision=None if name else source.revision,
        dtype=source.dtype,
        layers=settings.layers,
        attn_implementation=source.attn_implementation,
        quantized=source.quantization is not None,
        device=device,
    )


def load_tokenizer(
    name: str, *, revision: str | None = None, commit: str | None = None
) -> PreTrainedTokenizerFast:
    """Load a fast tokenizer that neither cuts, pads nor reads special pieces out of plain text.

    name (str): Folder or hub name.
    revision (Optional[str]): Branch, tag or commit on the hub.
    commit (Optional[str]): What the revision was when the weights were loaded; None for what it is now.
    RETURNS (PreTrainedTokenizerFast): The tokenizer.
    RAISES (ValueError): If it cannot be loaded, is not a fast one, or gives no character offsets.
    """
    place = _place("tokenizer", name, revision)
    if commit:
        place["revision"] = commit
    try:
        tokenizer = AutoTokenizer.from_pretrained(name, use_fast=True, **place)
    except Exception as error:
        raise ValueError(_cannot_load("tokenizer", name, revision, error)) from error
    if not tokenizer.is_fast:
        raise ValueError(
            f"the tokenizer of {name!r} ({type(tokenizer).__name__}) has no fast version; "
            "one is needed for character offsets (a tokenizer.json beside the weights)"
        )
    backend = tokenizer.backend_tokenizer
    backend.no_truncation()
    backend.no_padding()
    backend.encode_special_tokens = True  # "<|begin_of_text|>" in a text is text
    if any(start == end for start, end in backend.encode("ab cd", add_special_tokens=False).offsets):
        raise ValueError(
            f"the tokenizer of {name!r} gives character offsets of length 0; pieces cannot be aligned"
        )
    return tokenizer


def special_pieces(tokenizer: PreTrainedTokenizerFast) -> tuple[list[int], list[int]]:
    """Find the pieces that the tokenizer puts around a text.

    RETURNS (Tuple[List[int], List[int]]): Ids before and after, such as ([<|begin_of_text|>], []).
    """
    backend = tokenizer.backend_tokenizer
    plain = backend.encode("a", add_special_tokens=False).ids
    full = backend.encode("a", add_special_tokens=True).ids
    for start in range(len(full) - len(plain) + 1):
        if full[start : start + len(plain)] == plain:
            return full[:start], full[start + len(plain) :]
    raise ValueError(f"the tokenizer encodes a text differently with special pieces: {plain} against {full}")


def largest_piece(tokenizer: PreTrainedTokenizerFast) -> int:
    """RETURNS (int): The largest id that a text can give; a padding piece without an embedding does not count."""
    added = [index for index, piece in tokenizer.added_tokens_decoder.items() if not piece.special]
    before, after = special_pieces(tokenizer)
    return max([tokenizer.vocab_size - 1, *added, *before, *after])


def misread_pieces(tokenizer: PreTrainedTokenizerFast) -> dict[int, int]:
    """Say which pieces of a plain text are to be replaced, and by which.

    `encode_special_tokens` keeps "</s>" in a text from being matched before the tokenizer's model reads it. But
    some models (Unigram, as in XLM-RoBERTa; word lists) know it as a word, and give the special piece then.

    tokenizer (PreTrainedTokenizerFast): From `load_tokenizer`.
    RETURNS (Dict[int, int]): From the id of each special piece to that of the unknown piece; empty if the tokenizer
        has none, as those of bytes, which do not need it: they merge no special piece.
    """
    unknown = tokenizer.unk_token_id
    if unknown is None:
        return {}
    added = tokenizer.added_tokens_decoder.items()
    special = {*tokenizer.all_special_ids, *(index for index, piece in added if piece.special)}
    return dict.fromkeys(special - {unknown}, unknown)


def longest_window(trunk: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, asked: int) -> int:
    """RETURNS (int): The most pieces a window may have, special ones included: `asked`, or the model's limit."""
    positions = getattr(trunk.config, "max_position_embeddings", None)
    table = getattr(getattr(trunk, "embeddings", None), "position_embeddings", None)
    padding = getattr(table, "padding_idx", None)
    if positions and padding is not None:
        positions -= padding + 1  # RoBERTa counts positions from there
    # Bidirectional attention knows no sliding window: no piece may see further than the model was made for.
    sliding = getattr(trunk.config, "sliding_window", None) if is_switched(trunk) else None
    limits = [asked, tokenizer.model_max_length, positions, sliding]
    return int(min(limit for limit in limits if limit and limit > 0))


def base_weights(trunk: PreTrainedModel) -> dict[str, Tensor]:
    """RETURNS (Dict[str, Tensor]): The trunk's own weights under their own names, adapters left out."""
    return {
        name.replace(".base_layer.", "."): weight
        for name, weight in trunk.state_dict().items()
        if ".lora_" not in name
    }


def fingerprint(trunk: PreTrainedModel) -> str:
    """Identify weights by names, shapes and up to 1,024 evenly spaced values of each tensor.

    Independent of file format, sharding, place and of float32 or bfloat16 (values are compared as
    bfloat16). Cheap for any size: fine-tuning changes every tensor that it trains.

    trunk (PreTrainedModel): With or without adapters; these do not count.
    RETURNS (str): A SHA-256 hex digest.
    """
    digest = hashlib.sha256()
    for name, weight in sorted(base_weights(trunk).items()):
        flat = weight.detach().reshape(-1)
        step = max(1, flat.numel() // SAMPLES_PER_TENSOR)
        values = flat[::step].to(device="cpu", dtype=torch.bfloat16).view(torch.int16)
        digest.update(f"{name}{tuple(weight.shape)}".encode())
        digest.update(values.numpy().tobytes())
    return digest.hexdigest()


def _read_config(name: str, revision: str | None, place: dict[str, Any]) -> PretrainedConfig:
    try:
        return AutoConfig.from_pretrained(name, **place)
    except Exception as error:
        raise ValueError(_cannot_load("backbone", name, revision, error)) from error


def _shorten(config: PretrainedConfig, name: str, layers: int) -> None:
    """Keep the first layers alone."""
    if layers > config.num_hidden_layers:
        raise ValueError(
            f"layers: {layers}, but the backbone {name!r} has {config.num_hidden_layers}; null uses all of them"
        )
    config.num_hidden_layers = layers


def _model_class(config: PretrainedConfig) -> Any:
    """RETURNS (Type): What AutoModel would choose; it would import every model's config before: a second or two."""
    found = MODEL_MAPPING.get(type(config), None)
    if isinstance(found, type) and not config.sub_configs and not hasattr(config, "auto_map"):
        return found
    return AutoModel


@contextmanager
def _only_errors() -> Iterator[None]:
    before = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(before)


def _place(what: str, name: str, revision: str | None) -> dict[str, Any]:
    """RETURNS (Dict[str, Any]): Where `from_pretrained` is to look, after one question to the hub if it is there."""
    if Path(name).is_dir():
        return {"revision": revision}
    if Path(name).is_absolute() or name.startswith((".", "~")) or len(Path(name).parts) > 2:
        raise ValueError(
            f"cannot load the {what} {name!r}: no such folder (seen from {Path.cwd()}); point "
            "model.backbone.name in the component's config at a local copy or at a Hugging Face hub name"
        )
    try:
        found = find_model(name, revision)
    except Exception as error:  # huggingface_hub's, and its client's
        raise ValueError(_cannot_load(what, name, revision, error)) from error
    return {"revision": found.revision, "local_files_only": found.cache_only}


def _cannot_load(what: str, name: str, revision: str | None, error: Exception) -> str:
    at = f" at revision {revision!r}" if revision else ""
    if not Path(name).is_dir():
        return f"cannot load the {what} {name!r}{at}: {diagnose(error, name=name, revision=revision)}"
    reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return (
        f"cannot load the {what} {name!r}{at}: {reason}; {Path(name).resolve()} is a folder: it needs config.json, "
        "tokenizer.json and *.safetensors"
    )
