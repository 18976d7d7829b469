"""Find the names of an answer in the text."""

import re
from collections import Counter
from collections.abc import Sequence

from spacy.tokens import Doc, Span


def place_names(doc: Doc, pairs: Sequence[tuple[str, str]]) -> tuple[list[Span], Counter[str]]:
    """Find every occurrence of each name.

    doc (Doc): The text.
    pairs (Sequence[tuple[str, str]]): Names and labels, as `parse_answer` gives them.
    RETURNS (tuple[list[Span], Counter[str]]): Entities in the order of the text, none overlapping another, and counts:
        `said` pairs; `duplicate`: said more often than the name stands in the text; `invented`: not in the text;
        `misaligned`:
        occurrences that begin or end within a token; `overlapping`: occurrences that lost to a longer one, or to
        one said earlier.
    """
    counts: Counter[str] = Counter(said=len(pairs))
    candidates: list[tuple[Span, int]] = []
    for order, ((name, label), said) in enumerate(Counter(pairs).items()):
        matches = list(re.finditer(r"\s+".join(map(re.escape, name.split())), doc.text))
        if not matches:
            counts["invented"] += 1
            counts["duplicate"] += said - 1
            continue
        counts["duplicate"] += max(0, said - len(matches))
        for match in matches:
            span = doc.char_span(*match.span(), label=label)
            if span is None:
                counts["misaligned"] += 1
            else:
                candidates.append((span, order))
    candidates.sort(key=lambda found: (-len(found[0]), found[1], found[0].start))
    taken: set[int] = set()
    chosen = []
    for span, _ in candidates:
        tokens = set(range(span.start, span.end))
        if taken & tokens:
            counts["overlapping"] += 1
            continue
        taken |= tokens
        chosen.append(span)
    return sorted(chosen, key=lambda span: span.start), counts
