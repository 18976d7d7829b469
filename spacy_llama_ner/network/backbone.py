"""Load the backbone: the trunk of a Hugging Face model and its tokenizer, and tell one from another."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from transformers import AutoModel, AutoTokenizer, PreTrainedModel
from transformers.tokenization_utils_fast import PreTrainedTokenizerFast

SAMPLES_PER_TENSOR = 1024


@dataclass(frozen=True)
class BackboneReference:
    """What a saved pipeline remembers of a backbone that it does not contain.

    name (str): The folder or hub name it was loaded from.
    revision (Optional[str]): The hub's commit; None for a folder.
    fingerprint (str): See `fingerprint`.
    asked_revision (Optional[str]): The branch or tag that the config named, if it did.
    """

    name: str
    revision: str | None
    fingerprint: str
    asked_revision: str | None = None


def load_trunk(name: str, *, revision: str | None = None, dtype: str = "float32") -> PreTrainedModel:
    """Load a model without its language-model head, in evaluation mode, on the CPU.

    name (str): Folder or hub name.
    revision (Optional[str]): Branch, tag or commit on the hub.
    dtype (str): "float32", "bfloat16" or "float16".
    RETURNS (PreTrainedModel): The trunk.
    RAISES (ValueError): If it cannot be loaded, its files lack weights, or it is no decoder or encoder.
    """
    _check_place("backbone", name)
    try:
        # Without a dtype the weights are loaded in float32 first: 2.3 times their size at the peak.
        trunk, info = AutoModel.from_pretrained(
            name, revision=revision, torch_dtype=getattr(torch, dtype), output_loading_info=True
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


def load_tokenizer(name: str, *, revision: str | None = None) -> PreTrainedTokenizerFast:
    """Load a fast tokenizer that neither cuts, pads nor reads special pieces out of plain text.

    name (str): Folder or hub name.
    revision (Optional[str]): Branch, tag or commit on the hub.
    RETURNS (PreTrainedTokenizerFast): The tokenizer.
    RAISES (ValueError): If it cannot be loaded, is not a fast one, or gives no character offsets.
    """
    _check_place("tokenizer", name)
    try:
        tokenizer = AutoTokenizer.from_pretrained(name, revision=revision, use_fast=True)
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
    limits = [asked, tokenizer.model_max_length, positions]
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


def _check_place(what: str, name: str) -> None:
    """Do not look for a missing folder on the hub, which takes a minute without a network."""
    is_path = Path(name).is_absolute() or name.startswith((".", "~")) or len(Path(name).parts) > 2
    if is_path and not Path(name).is_dir():
        raise ValueError(
            f"cannot load the {what} {name!r}: no such folder (seen from {Path.cwd()}); point "
            "model.backbone.name in the component's config at a local copy or at a Hugging Face hub name"
        )


def _cannot_load(what: str, name: str, revision: str | None, error: Exception) -> str:
    at = f" at revision {revision!r}" if revision else ""
    reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    if Path(name).is_dir():
        hint = f"{Path(name).resolve()} is a folder: it needs config.json, tokenizer.json and *.safetensors"
    else:
        hint = (
            f"there is no folder of that name in {Path.cwd()}, so it was looked up on the Hugging Face hub. "
            "Check the name, your connection and, for gated models, `huggingface-cli login`, or point "
            "model.backbone.name in the component's config at a local copy"
        )
    return f"cannot load the {what} {name!r}{at}: {reason}; {hint}"
