"""Whether a corpus is a split of CoNLL-2003 English, by its counts: figures on anything else are not comparable."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from spacy.tokens import Doc

# A corpus that differs by less is taken for a copy with something lost or added.
NEAR = 0.02


@dataclass(frozen=True, slots=True)
class Split:
    """Counts of an official split: tokens without -DOCSTART- lines."""

    tokens: int
    entities: int


# Source: Tjong Kim Sang & De Meulder (2003), Introduction to the CoNLL-2003 Shared Task, tables 1 and 2.
SPLITS = {
    "CoNLL-2003 train": Split(203_621, 23_499),
    "CoNLL-2003 dev": Split(51_362, 5_942),
    "CoNLL-2003 test": Split(46_435, 5_648),
}
_WORDS = {
    "CoNLL-2003 train": ("train", "training"),
    "CoNLL-2003 dev": ("dev", "development", "valid", "validation", "testa"),
    "CoNLL-2003 test": ("test", "testb"),
}


def check_official(docs: Sequence[Doc], *, name: str | None = None, path: str = "") -> dict[str, Any]:
    """Tell an official split of CoNLL-2003 English by its counts of tokens and entities.

    docs (Sequence[Doc]): The corpus. Tokens of white space alone are not counted.
    name (str | None): What the user calls the corpus.
    path (str): Where it lies; it may say "conll" too.
    RETURNS (dict): `split` (such as "CoNLL-2003 test", None if it is none of them), `tokens`, `entities`, and
        `statement`: a sentence about them, None where nothing suggests CoNLL-2003.
    RAISES (ValueError): If the name claims to be CoNLL-2003 or one of its splits and the counts are not.
    """
    tokens = [token.text for doc in docs for token in doc if not token.text.isspace()]
    counted = Split(len(tokens), sum(len(doc.ents) for doc in docs))
    found = next((known for known, split in SPLITS.items() if split == counted), None)
    claimed = _claimed(name or "")
    more = f" {n:,} of its tokens are -DOCSTART- lines." if (n := tokens.count("-DOCSTART-")) else ""
    if claimed and found not in claimed:
        is_it = f" These are the counts of {found}." if found else ""
        raise ValueError(
            f"{name!r} is not what this corpus is: it has {_counts(counted)}, and the official counts are "
            f"{' or '.join(f'{_counts(SPLITS[split])} ({split})' for split in claimed)}.{is_it}{more} Convert the "
            "original files again, or give it another name."
        )
    statement = None
    if found:
        statement = f"The counts are the official ones of {found} (English): {_counts(counted)}."
    elif near := _nearest(counted, _claimed(path)):
        statement = (
            f"This is not {near}: {_counts(counted)}, {_counts(SPLITS[near])} in the official one. Scores are not "
            f"comparable with published ones.{more}"
        )
    return {"split": found, "tokens": counted.tokens, "entities": counted.entities, "statement": statement}


def _claimed(name: str) -> list[str]:
    """RETURNS (list[str]): The splits that a name can mean; none if it does not speak of CoNLL-2003."""
    if not re.search(r"conll[\W_]*(20)?03(?!\d)", name, re.IGNORECASE):
        return []
    words = set(re.findall(r"[a-z]+", name.lower()))
    return [split for split, known in _WORDS.items() if words.intersection(known)] or list(SPLITS)


def _nearest(counted: Split, claimed: Sequence[str]) -> str | None:
    """RETURNS (str | None): The nearest of the claimed splits; without one the nearest of all, if it is near."""

    def distance(split: str) -> float:
        known = SPLITS[split]
        return max(abs(counted.tokens / known.tokens - 1), abs(counted.entities / known.entities - 1))

    nearest = min(claimed or SPLITS, key=distance)
    return nearest if claimed or distance(nearest) <= NEAR else None


def _counts(split: Split) -> str:
    return f"{split.tokens:,} tokens and {split.entities:,} entities"
