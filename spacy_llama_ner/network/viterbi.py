"""Find the best paths (Viterbi).

Source: Forney (1973), The Viterbi Algorithm; Sutton & McCallum (2012), An Introduction to CRFs, 4.1.
"""

import numpy as np

from spacy_llama_ner.network.chain import FloatArray, IntArray, Scores
from spacy_llama_ner.network.scan import block_length, scan
from spacy_llama_ner.network.semirings import MaxPlus

# Up to which blocks are faster, see `block_length`. Measured on one core, ms for single steps and for blocks: 9 tags,
# one row of 128 tokens 0.6 and 0.5, of 256 1.3 and 0.5, of 2,000 16 and 4.3, of 20,000 148 and 32; four rows of 2,000
# 15 and 13, eight 13 and 13, 64 of 512 7 and 29; 21 tags, one row of 2,000 18 and 25; 37 tags 21 and 223.
_BLOCKS_UP_TO = 4_000  # rows * tags^3


def best_paths(
    emissions: FloatArray, lengths: IntArray, scores: Scores
) -> tuple[list[list[int]], FloatArray]:
    """Find the best path of each row.

    emissions (FloatArray): Shape (T, K, C), T at least 1, in nats.
    lengths (IntArray): Shape (C,).
    scores (Scores): With -inf for what is not legal: then it loses against whatever a legal path scores.
    RETURNS (tuple[list[list[int]], FloatArray]): Tag ids, as many as the row has tokens, of the first path among
        equals; and the paths' scores, shape (C,), -inf where all are illegal and nan where a score is.
    """
    block = block_length(emissions.shape, most=_BLOCKS_UP_TO)
    first = scores.start[:, None] + emissions[0]
    states, _ = scan(MaxPlus(scores.transitions), first, emissions[1:], block=block)
    last = np.maximum(lengths - 1, 0)
    final = states[last, :, np.arange(len(lengths))] + scores.end  # (C, K)
    tags = final.argmax(axis=1)
    trace = _trace_each if block else _trace_together
    return trace(states, scores.transitions, lengths, tags), final.max(axis=1)


def _trace_together(
    states: FloatArray, transitions: FloatArray, lengths: IntArray, tags: IntArray
) -> list[list[int]]:
    """Trace all rows back side by side, and look for the origin of the tags on the path alone.

    tags (IntArray): Shape (C,): the tag at each row's last token.
    """
    last = lengths - 1
    path = np.empty((len(states), len(tags)), dtype=np.int64)
    path[-1] = tags
    padded = bool((lengths != len(states)).any())
    for step in range(len(states) - 2, -1, -1):
        origins = (states[step] + transitions.take(tags, axis=1)).argmax(axis=0)
        tags = np.where(step < last, origins, tags) if padded else origins
        path[step] = tags
    return [row[:length] for row, length in zip(path.T.tolist(), lengths.tolist(), strict=True)]


def _trace_each(
    states: FloatArray, transitions: FloatArray, lengths: IntArray, tags: IntArray
) -> list[list[int]]:
    """Trace row after row back, in a table of the origins of all tags: for long rows.

    tags (IntArray): Shape (C,): the tag at each row's last token.
    """
    paths = []
    for row, (tag, length) in enumerate(zip(tags.tolist(), lengths.tolist(), strict=True)):
        before = np.ascontiguousarray(states[: max(length - 1, 0), :, row])  # (length - 1, from)
        origins = np.stack(
            [(before + arriving).argmax(axis=1) for arriving in transitions.T], axis=1
        )  # (length - 1, to)
        table, n_tags = origins.ravel().tolist(), len(transitions)
        path = [tag]
        for place in range(len(table) - n_tags, -1, -n_tags):
            tag = table[place + tag]
            path.append(tag)
        paths.append(path[::-1] if length else [])
    return paths
