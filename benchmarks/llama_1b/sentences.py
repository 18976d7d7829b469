"""Invented sentences with entities, of the lengths of CoNLL-2003's and the same for the same seed."""

import random
from collections.abc import Iterator
from dataclasses import dataclass

# Words a sentence, in CoNLL-2003's training sentences: mean and standard deviation.
MEAN, DEVIATION = 14.5, 11.6
NAMES_PER_WORD = 0.1

NAMES = {
    "PER": ["Ilse Vandermeer", "Okafor", "Tomas Lindqvist", "Priya N. Rao", "Beaumont"],
    "ORG": ["Northgate Steel", "Halvorsen Shipping Group", "Meridian", "Port Authority of Calder"],
    "LOC": ["Lisbon", "New Harrow", "Calder", "Lake Ostrava"],
    "MISC": ["Danish", "Open Winter Cup", "Portuguese"],
}
TEXT = (
    "the a of to in and on for with from by said will has was their new old two first last week market bridge match "
    "minister company shares against under because nobody announced expected opened reached 1,250 17 0.5"
)
WORDS = TEXT.split()


@dataclass(frozen=True)
class Sentence:
    """A sentence with its annotation.

    words (List[str]): T words.
    spaces (List[bool]): Whether a space follows each.
    tags (List[str]): Each word's BIO tag, such as "B-PER".
    """

    words: list[str]
    spaces: list[bool]
    tags: list[str]

    @property
    def text(self) -> str:
        """The sentence as it is written."""
        return "".join(self.spaced_words)

    @property
    def spaced_words(self) -> list[str]:
        """The words, each with the space before it, if there is one."""
        before = [False, *self.spaces[:-1]]
        return [" " * space + word for space, word in zip(before, self.words, strict=True)]


def make_batches(count: int, *, size: int, seed: int = 0) -> list[list[Sentence]]:
    """Invent sentences.

    count (int): Number of batches.
    size (int): Sentences in each.
    seed (int): Of the choice of words and lengths.
    RETURNS (List[List[Sentence]]): The batches.
    """
    generator = random.Random(seed)
    return [[_make_sentence(generator) for _ in range(size)] for _ in range(count)]


def count_words(batch: list[Sentence]) -> int:
    """RETURNS (int): Words of all sentences."""
    return sum(len(sentence.words) for sentence in batch)


def _make_sentence(generator: random.Random) -> Sentence:
    # A gamma distribution of this mean and deviation: most sentences are short, a few are very long.
    length = max(1, round(generator.gammavariate((MEAN / DEVIATION) ** 2, DEVIATION**2 / MEAN)))
    drawn = _draw(generator)
    words, tags = map(list, zip(*(next(drawn) for _ in range(length)), strict=True))
    spaces = [True] * (length - 1) + [False]
    if length > 1:
        words[-1], tags[-1], spaces[-2] = ".", "O", False
    return Sentence(words, spaces, tags)


def _draw(generator: random.Random) -> Iterator[tuple[str, str]]:
    """YIELDS (Tuple[str, str]): Words and their tags, without end."""
    while True:
        if generator.random() >= NAMES_PER_WORD:
            yield generator.choice(WORDS), "O"
            continue
        label = generator.choice(list(NAMES))
        for number, word in enumerate(generator.choice(NAMES[label]).split()):
            yield word, f"{'I' if number else 'B'}-{label}"
