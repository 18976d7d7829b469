"""IOB1 and IOB2 tags, and entities as spans.

Both schemes write O outside. In IOB2 (also called BIO) every entity begins with B-. In IOB1, which
CoNLL-2003's own files use, an entity begins with I-, and with B- only where it follows one of the same label
without a gap.

Which one a source uses shows in its B- tags: one that does not follow a tag of the same label cannot be IOB1.
In a valid IOB2 source the very first entity begins with such a tag, so this tells the two apart whenever
there is an entity. Read as IOB1, `I-` after O or after another label begins an entity; read as IOB2 it is an
error. Source: Tjong Kim Sang & Veenstra (1999), Representing Text Chunks, 2.
"""

import re
from collections.abc import Iterator, Sequence

_TAG = re.compile(r"O|[BI]-\S+")


def is_iob_tag(tag: str) -> bool:
    """RETURNS (bool): Whether the tag is O, or B- or I- and a label."""
    return _TAG.fullmatch(tag) is not None


def continues(previous: str, tag: str) -> bool:
    """Tell whether a tag has the label of the tag before it.

    previous (str): The tag before; O at the start of a sentence.
    tag (str): The tag.
    RETURNS (bool): True if both are tags of the same label, whatever their prefixes.
    """
    return tag != "O" and previous != "O" and previous[2:] == tag[2:]


def orphans(tags: Sequence[str], prefix: str) -> Iterator[int]:
    """Find the tags with a prefix that follow no tag of their label.

    tags (Sequence[str]): One sentence's tags.
    prefix (str): "B-" finds proof of IOB2; "I-" finds the errors of an IOB2 sentence.
    YIELDS (int): Indices.
    """
    previous = "O"
    for i, tag in enumerate(tags):
        if tag.startswith(prefix) and not continues(previous, tag):
            yield i
        previous = tag


def to_iob2(tags: Sequence[str]) -> tuple[str, ...]:
    """Begin every entity with B-.

    tags (Sequence[str]): One sentence's tags in IOB1 or IOB2; a valid IOB2 sentence comes back unchanged.
    RETURNS (tuple[str, ...]): The same entities in IOB2.
    """
    fixed = list(tags)
    for i in orphans(tags, "I-"):
        fixed[i] = "B-" + tags[i][2:]
    return tuple(fixed)


def to_iob1(tags: Sequence[str]) -> tuple[str, ...]:
    """Begin an entity with B- only where it follows one of the same label.

    tags (Sequence[str]): One sentence's tags in IOB2.
    RETURNS (tuple[str, ...]): The same entities in IOB1.
    """
    fixed = list(tags)
    for i in orphans(tags, "B-"):
        fixed[i] = "I-" + tags[i][2:]
    return tuple(fixed)


def iob2_spans(tags: Sequence[str]) -> Iterator[tuple[int, int, str]]:
    """Find the entities of a sentence.

    tags (Sequence[str]): One sentence's tags in IOB2.
    YIELDS (tuple[int, int, str]): First token, token after the last, label.
    """
    start = 0
    label = ""
    for i, tag in enumerate((*tags, "O")):
        if tag.startswith("I-"):
            continue
        if label:
            yield start, i, label
        start, label = i, tag[2:]
