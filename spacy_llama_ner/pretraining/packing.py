"""Sequence packing: documents one after the other, cut into rows of one length, so that no piece is padding."""

import hashlib
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray
from transformers.tokenization_utils_fast import PreTrainedTokenizerFast

CHARACTERS_AT_ONCE = 4_000_000  # an encoding takes some 100 bytes a piece until its ids are kept


def pack(
    texts: Iterable[str], tokenizer: PreTrainedTokenizerFast, *, length: int, validation_share: float
) -> tuple[NDArray, NDArray]:
    """Encode documents and cut them into rows.

    Each document stands between the begin and the end piece; a row may hold the end of one and the beginning of
    the next. What does not fill a last row is left out: fewer than `length` pieces of each set.

    texts (Iterable[str]): The documents.
    tokenizer (PreTrainedTokenizerFast): Has a begin and an end piece.
    length (int): Pieces a row.
    validation_share (float): Share of the documents that is kept for validation, above 0 and below 1; which ones
        depends on their text alone, so that no order and no repetition mixes the two sets.
    RETURNS (Tuple[NDArray, NDArray]): Training and validation rows, uint16 or uint32, shape (N, length).
    RAISES (ValueError): If a set does not fill one row.
    """
    dtype = np.uint16 if len(tokenizer) <= 2**16 else np.uint32
    parts: dict[bool, list[NDArray]] = {False: [], True: []}
    for text, ids in _encode(texts, tokenizer):
        held_out = _fraction(text) < validation_share
        parts[held_out].append(np.array([tokenizer.bos_token_id, *ids, tokenizer.eos_token_id], dtype=dtype))
    return (
        _rows(parts[False], length, "training", "Give more text"),
        _rows(parts[True], length, "validation", "Give more text, or a larger share for validation"),
    )


def _encode(texts: Iterable[str], tokenizer: PreTrainedTokenizerFast) -> Iterator[tuple[str, list[int]]]:
    backend = tokenizer.backend_tokenizer
    backend.encode_special_tokens = True  # "<|end_of_text|>" in a text is text
    for batch in _batches(texts):
        for text, encoding in zip(batch, backend.encode_batch(batch, add_special_tokens=False), strict=True):
            yield text, encoding.ids


def _batches(texts: Iterable[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    size = 0
    for text in texts:
        batch.append(text)
        size += len(text)
        if size >= CHARACTERS_AT_ONCE:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _fraction(text: str) -> float:
    """RETURNS (float): A number in [0, 1), evenly spread over texts and always the same for one."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6]) / 2**48


def _rows(parts: list[NDArray], length: int, what: str, mend: str) -> NDArray:
    pieces = np.concatenate(parts) if parts else np.zeros(0, dtype=np.uint16)
    count = len(pieces) // length
    if not count:
        raise ValueError(
            f"the {what} text has {len(pieces)} pieces, not enough for one row of {length}. {mend}"
        )
    return pieces[: count * length].reshape(count, length)
