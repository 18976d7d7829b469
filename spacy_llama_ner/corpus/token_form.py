"""How a token of markup may look: no punctuation left on it, no invisible characters, no label without brackets."""

import re
from collections.abc import Sequence

_ENDS = tuple(',;:?!")')
_STARTS = tuple('"($')
# Not the token 's itself. Either apostrophe and either case: headlines are in capitals.
_CLITIC = re.compile(r".+?(['\u2019]s|n['\u2019]t|%)", re.IGNORECASE)


def unsplit_part(word: str) -> str | None:
    """Find punctuation, a currency sign or a clitic that should be a token of its own.

    word (str): A token. One character, however often repeated, is a token of its own: `--`, `...`, `!!`.
    RETURNS (str | None): What to split off; None if there is nothing.
    """
    if len(set(word)) == 1:
        return None
    if word.endswith(_ENDS):
        return word[-1]
    if word.startswith(_STARTS):
        return word[0]
    match = _CLITIC.fullmatch(word)
    return match[1] if match else None


def invisible_character(word: str) -> str | None:
    """Find a character that nobody sees: a zero-width or no-break space, a soft hyphen, a control character.

    word (str): A token.
    RETURNS (str | None): The first one's code point, e.g. "U+200B"; None if there is none.
    """
    return next((f"U+{ord(character):04X}" for character in word if not character.isprintable()), None)


def stray_label(words: Sequence[str], labels: Sequence[str]) -> str | None:
    """Find a label that has lost its brackets.

    words (Sequence[str]): The tokens of a sentence.
    labels (Sequence[str]): The labels that entities may have.
    RETURNS (str | None): The label; None if there is none, or if the sentence has no lower-case token: in a
        headline PER may be a word.
    """
    if not any(word.islower() for word in words):
        return None
    return next((word for word in words if word in labels), None)
