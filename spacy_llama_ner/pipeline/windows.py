"""Docs to windows of pieces, for docs of any length; nothing is cut off.

A registered span getter chooses the windows in tokens. Where they overlap, a token takes its state from the
window in which it is farthest from an edge that is not the doc's own. A window with more pieces than the
backbone can read is parted, at a token's beginning where there is one.

A doc that is read in several windows is logged with their number, at level DEBUG: each word still counts, but
sees no context beyond its window. `logging.getLogger("spacy_llama_ner").setLevel("DEBUG")` shows it.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
from spacy.tokens import Doc, Span

from spacy_llama_ner.network.types import PieceBatch
from spacy_llama_ner.pipeline.alignment import align_pieces
from spacy_llama_ner.pipeline.words import word_indices

if TYPE_CHECKING:
    from transformers.tokenization_utils_fast import PreTrainedTokenizerFast

logger = logging.getLogger("spacy_llama_ner")

SpanGetter = Callable[[list[Doc]], list[list[Span]]]


def make_windows(
    docs: Sequence[Doc],
    get_spans: SpanGetter,
    tokenizer: "PreTrainedTokenizerFast",
    *,
    special_pieces: tuple[list[int], list[int]],
    max_pieces: int,
    misread_pieces: Mapping[int, int] = MappingProxyType({}),
) -> PieceBatch:
    """Split docs into windows of pieces, and note which pieces belong to which word.

    Logs how many windows a doc has, if they are several.

    docs (Sequence[Doc]): Any number, of any length; empty ones too.
    get_spans (Callable): A spacy-transformers span getter.
    tokenizer (PreTrainedTokenizerFast): Neither cuts nor pads.
    special_pieces (Tuple[List[int], List[int]]): Ids put before and after each window.
    max_pieces (int): Most pieces of a window, special ones included.
    misread_pieces (Mapping[int, int]): Ids that plain text must not give, and what is read instead.
    RETURNS (PieceBatch): Its tokens are the words of the docs (see `words`), counted through all docs.
    RAISES (ValueError): If `max_pieces` leaves no room between the special pieces.
    """
    before, after = special_pieces
    room = max_pieces - len(before) - len(after)
    if room < 1:
        raise ValueError(
            f"max_window_pieces: {max_pieces} leaves no room beside {len(before) + len(after)} special pieces"
        )
    spans_by_doc = [[span for span in spans if len(span)] for spans in get_spans(list(docs))]
    encodings = iter(
        tokenizer.backend_tokenizer.encode_batch(
            [span.text for spans in spans_by_doc for span in spans], add_special_tokens=False
        )
    )
    windows: list[list[int]] = []
    chosen: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []  # window, position, word of each piece
    doc_lengths: list[int] = []
    for doc, spans in zip(docs, spans_by_doc, strict=True):
        words = word_indices(doc)
        word_of_token = np.full(len(doc), -1, dtype=np.int64)
        word_of_token[words] = np.arange(len(words)) + sum(doc_lengths)
        doc_lengths.append(len(words))
        best = _best_spans(len(doc), spans)
        _warn_uncovered(doc, words, best)
        sizes: list[int] = []  # pieces of each span
        n_before = len(windows)
        for number, span in enumerate(spans):
            encoding = next(encodings)
            ids = [misread_pieces.get(piece, piece) for piece in encoding.ids]
            first, last = align_pieces(span, np.array(encoding.offsets, dtype=np.int64).reshape(-1, 2))
            sizes.append(len(first))
            window_index = np.empty(len(first), dtype=np.int64)
            position = np.empty(len(first), dtype=np.int64)
            for start, end in _parts(first, room):
                window_index[start:end] = len(windows)
                position[start:end] = np.arange(len(before), len(before) + end - start)
                windows.append([*before, *ids[start:end], *after])
            pieces, tokens = _expand(first, last)
            keep = (best[tokens] == number) & (word_of_token[tokens] >= 0)
            pieces, tokens = pieces[keep], tokens[keep]
            chosen.append((window_index[pieces], position[pieces], word_of_token[tokens]))
        _log_windows(doc, len(words), len(windows) - n_before, sizes=sizes, room=room)
    window_index, position, token_index = (
        np.concatenate([np.empty(0, dtype=np.int64), *(part[i] for part in chosen)]) for i in range(3)
    )
    order = np.argsort(token_index, kind="stable")
    return PieceBatch(windows, window_index[order], position[order], token_index[order], doc_lengths)


def _best_spans(length: int, spans: Sequence[Span]) -> np.ndarray:
    """RETURNS (ndarray): Int64, shape (length,): the span each token is read from, -1 where none covers it."""
    best = np.full(length, -1, dtype=np.int64)
    distance = np.full(length, -1, dtype=np.int64)
    for number, span in enumerate(spans):
        tokens = np.arange(span.start, span.end)
        left = tokens - span.start if span.start > 0 else np.full(len(tokens), length)
        right = span.end - 1 - tokens if span.end < length else np.full(len(tokens), length)
        nearest = np.minimum(left, right)
        better = nearest > distance[span.start : span.end]
        best[tokens[better]] = number
        distance[tokens[better]] = nearest[better]
    return best


def _parts(first: np.ndarray, room: int) -> Iterator[tuple[int, int]]:
    """YIELDS (Tuple[int, int]): [start, end) pieces of at most `room`, parted before a token if possible."""
    start, total = 0, len(first)
    while total - start > room:
        end = start + room
        boundaries = np.flatnonzero(first[start + 1 : end + 1] != first[start:end])
        if len(boundaries):
            end = start + 1 + int(boundaries[-1])
        yield start, end
        start = end
    if start < total:
        yield start, total


def _expand(first: np.ndarray, last: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """RETURNS (Tuple[ndarray, ndarray]): Every pair of a piece and a token that it covers."""
    counts = np.maximum(last - first + 1, 0)
    pieces = np.repeat(np.arange(len(first)), counts)
    offset = np.arange(len(pieces)) - np.repeat(np.cumsum(counts) - counts, counts)
    return pieces, first[pieces] + offset


def _warn_uncovered(doc: Doc, words: np.ndarray, best: np.ndarray) -> None:
    uncovered = words[best[words] < 0]
    if len(uncovered):
        logger.warning(
            "The span getter leaves %d of %d words out, the first is %r; they are tagged without context.",
            len(uncovered),
            len(words),
            doc[int(uncovered[0])].text,
        )


def _log_windows(doc: Doc, n_words: int, n_windows: int, *, sizes: Sequence[int], room: int) -> None:
    if n_windows > 1 and logger.isEnabledFor(logging.DEBUG):
        logger.debug(
            "A doc of %d words is read in %d windows; %d of its %d spans have more than %d pieces and are parted. "
            "It begins %r.",
            n_words,
            n_windows,
            sum(size > room for size in sizes),
            len(sizes),
            room,
            doc[:8].text,
        )
