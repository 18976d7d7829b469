"""BIO tags: their names, their ids, which may follow which, and the way to spans and back.

Tag ids: 0 is O; label l (0-based) has B at 1 + 2l and I at 2 + 2l.
"""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

OUTSIDE = 0

Span = tuple[int, int, int]  # start, end (exclusive), label id


def tag_names(labels: Sequence[str]) -> list[str]:
    """Name the tags of some labels, in the order of their ids.

    labels (Sequence[str]): Entity labels; their order is kept.
    RETURNS (list[str]): "O", then "B-" and "I-" of each label: 2 * len(labels) + 1 names.
    """
    return ["O", *(f"{prefix}-{label}" for label in labels for prefix in "BI")]


def begin_tag(label: int) -> int:
    """Give the id of a label's B tag.

    label (int): The label's id, from 0.
    RETURNS (int): The tag id.
    """
    return 1 + 2 * label


def inside_tag(label: int) -> int:
    """Give the id of a label's I tag.

    label (int): The label's id, from 0.
    RETURNS (int): The tag id.
    """
    return 2 + 2 * label


def legal_starts(n_labels: int) -> Tensor:
    """Say which tags a sequence may start with: all but the I tags.

    n_labels (int): Number of entity labels, 0 or more.
    RETURNS (Tensor): Bool, shape (K,) with K = 2 * n_labels + 1.
    """
    tags = torch.arange(2 * n_labels + 1)
    return (tags == OUTSIDE) | (tags % 2 == 1)


def legal_transitions(n_labels: int) -> Tensor:
    """Say which tag may follow which: I-X only after B-X or I-X, everything else after anything.

    n_labels (int): Number of entity labels, 0 or more.
    RETURNS (Tensor): Bool, shape (K, K) as [from, to] with K = 2 * n_labels + 1.
    """
    legal = legal_starts(n_labels).repeat(2 * n_labels + 1, 1)
    for label in range(n_labels):
        legal[begin_tag(label), inside_tag(label)] = True
        legal[inside_tag(label), inside_tag(label)] = True
    return legal


def tags_to_spans(tags: Sequence[int]) -> list[Span]:
    """Read the entity spans off a tag sequence.

    tags (Sequence[int]): Tag ids, one a token; a legal sequence.
    RETURNS (list[Span]): (start, end, label id) in order, in tokens, end exclusive.
    RAISES (ValueError): If an id is below 0, or an I tag does not continue an entity of its label.
    """
    spans: list[Span] = []
    start, open_label = 0, -1  # -1: no open entity
    for position, tag in enumerate(tags):
        if tag < 0:
            raise ValueError(f"Expected a tag id of 0 or more at position {position}, got {tag}.")
        label, is_inside = divmod(tag - 1, 2)  # O gives label -1 and is_inside 1
        if tag != OUTSIDE and is_inside:
            if label != open_label:
                before = tags[position - 1] if position else "the start of the sequence"
                raise ValueError(
                    f"Illegal tag {tag} at position {position}: expected tag {begin_tag(label)} or "
                    f"{inside_tag(label)} before it, got {before}."
                )
            continue
        if open_label >= 0:
            spans.append((start, position, open_label))
        start, open_label = position, label
    if open_label >= 0:
        spans.append((start, len(tags), open_label))
    return spans


def spans_to_tags(spans: Iterable[Span], length: int) -> list[int]:
    """Write entity spans as a tag sequence: the inverse of `tags_to_spans`.

    spans (Iterable[Span]): (start, end, label id) in tokens, end exclusive, in any order.
    length (int): Number of tokens.
    RETURNS (list[int]): Tag ids, one a token.
    RAISES (ValueError): If a span is empty or out of range, has a label id below 0, or overlaps another.
    """
    tags = [OUTSIDE] * length
    for span in spans:
        start, end, label = span
        if not 0 <= start < end <= length:
            raise ValueError(f"Expected a span with 0 <= start < end <= {length}, got {span}.")
        if label < 0:
            raise ValueError(f"Expected a label id of 0 or more, got {label} in span {span}.")
        if any(tag != OUTSIDE for tag in tags[start:end]):
            raise ValueError(f"Expected spans that do not overlap, but {span} overlaps one before it.")
        tags[start:end] = [begin_tag(label), *[inside_tag(label)] * (end - start - 1)]
    return tags
