"""Change the words of annotated Docs and keep their entities: other casing, and typing errors."""

import random
from collections.abc import Callable, Iterable

from spacy.tokens import Doc

from spacy_llama_ner.evaluation.tagged import tags

TYPO_RATE = 0.1
MIN_LENGTH = 4
_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
# Keys to the left and right, on a US keyboard.
_NEIGHBOURS = {key: row[max(i - 1, 0) : i] + row[i + 1 : i + 2] for row in _ROWS for i, key in enumerate(row)}


def change_words(docs: Iterable[Doc], change: Callable[[str], str]) -> list[Doc]:
    """Copy Docs with other words.

    docs (Iterable[Doc]): Annotated Docs.
    change (Callable[[str], str]): Gives the new word for a word; not empty.
    RETURNS (list[Doc]): The same number of tokens, the same spaces, and the same entities by token.
    """
    return [
        Doc(
            doc.vocab,
            words=[change(token.text) for token in doc],
            spaces=[bool(token.whitespace_) for token in doc],
            ents=tags(doc),
        )
        for doc in docs
    ]


def make_typist(*, seed: int, rate: float = TYPO_RATE) -> Callable[[str], str]:
    """Make a function that mistypes some of the words it gets.

    seed (int): Of the random numbers; words in the same order get the same errors.
    rate (float): Share of the words of 4 and more letters, from 0 to 1, that get one error: two letters swapped, one
        left out, one doubled, or the key beside it.
    RETURNS (Callable[[str], str]): The function.
    """
    rng = random.Random(seed)

    def type_word(word: str) -> str:
        if len(word) < MIN_LENGTH or not word.isalpha() or rng.random() >= rate:
            return word
        while (typed := rng.choice(_EDITS)(word, rng)) == word:  # such as two equal letters swapped
            pass
        return typed

    return type_word


def _swap(word: str, rng: random.Random) -> str:
    i = rng.randrange(len(word) - 1)
    return word[:i] + word[i + 1] + word[i] + word[i + 2 :]


def _drop(word: str, rng: random.Random) -> str:
    i = rng.randrange(len(word))
    return word[:i] + word[i + 1 :]


def _double(word: str, rng: random.Random) -> str:
    i = rng.randrange(len(word))
    return word[: i + 1] + word[i:]


def _slip(word: str, rng: random.Random) -> str:
    """A letter that is not on the keyboard stays."""
    i = rng.randrange(len(word))
    key = rng.choice(_NEIGHBOURS.get(word[i].lower(), word[i]))
    return word[:i] + (key.upper() if word[i].isupper() else key) + word[i + 1 :]


_EDITS = (_swap, _drop, _double, _slip)
