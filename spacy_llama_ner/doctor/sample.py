"""Invented sentences that stand in for a training corpus that is not there yet."""

from collections.abc import Sequence
from itertools import cycle, islice
from pathlib import Path

from spacy.tokens import Doc, DocBin
from spacy.vocab import Vocab

LABELS = ("PER", "ORG", "LOC")
SENTENCES = 96
_NAMES = ["Ilse Vandermeer", "Northgate Steel", "Lisbon", "Tomas Okafor", "Harbour Trust", "Oslo"]
# Of 4 to 33 words, 15 in the mean, which is about what newswire has.
_PATTERNS = [
    "{} met {} .",
    "{} said that its factory near {} would close in spring .",
    "On Monday the ministers of {} and {} agreed to open the old bridge again .",
    "Nobody was hurt when a ferry that belongs to {} ran aground off {} in thick fog early on Friday , police said .",
    "It rained all day .",
    "{} , who had led since the first lap , lost eleven seconds on the last climb and came in third behind two riders "
    "of {} , whose manager called it a day to remember .",
]  # fmt: skip


def save_sample(path: Path, labels: Sequence[str]) -> Path:
    """Write annotated sentences.

    path (Path): A `.spacy` file.
    labels (Sequence[str]): Labels that the entities may have; they take turns.
    RETURNS (Path): The same.
    """
    names, kinds = cycle(_NAMES), cycle(labels)
    docs = DocBin()
    for pattern in islice(cycle(_PATTERNS), SENTENCES):
        words: list[str] = []
        tags: list[str] = []
        for part in pattern.split():
            if part == "{}":
                name, label = next(names).split(), next(kinds)
                words += name
                tags += [f"B-{label}", *[f"I-{label}"] * (len(name) - 1)]
            else:
                words.append(part)
                tags.append("O")
        docs.add(Doc(Vocab(), words=words, ents=tags))
    path.parent.mkdir(parents=True, exist_ok=True)
    docs.to_disk(path)
    return path
