"""Decide where spaces were between tokens.

CoNLL files do not say. With a space everywhere ("the harbour .") a sub-word tokenizer sees text that nobody
writes, so `natural` spacing puts back what an English newspaper would print. Words are never changed. There
is one space between two tokens, but:

1. None before . , ; : ! ? % … ... ) ] } -RRB- -RSB- -RCB- '' ” and tokens of . ! ? alone ("?!").
2. None after ( [ { -LRB- -LSB- -LCB- `` ` “ ‘ ¿ ¡.
3. None before a clitic: 's 'm 'd 'll 're 've n't, with ' or ’, in any case.
4. Straight double quotes open and close in turn within the sentence: none after an opening one, none before a
   closing one. One that ends the sentence, but for punctuation, closes. Where their number is odd, a
   quotation began in an earlier sentence or goes on in a later one: then the first closes if it stands
   between a comma or stop and a small letter (`it is , " he said .`), else it opens.
5. A straight single quote, or ’: a possessive after a word in -s ("the players ' union") while no single
   quotation is open, with none before it; else as in 4, by turns. ` opens one, too; ’ never opens.
6. None around - – / : between two numbers: scores, dates, times ("3 - 2" is 3-2), and none around / between
   any two words. Other dashes stand free ("SOCCER - RESULTS").
7. None after a currency sign ($ £ € ¥ #, or letters and $ as in US$) before a number.

Abbreviations ("U.S.", "Inc.") are single tokens and need no rule. The last token of a sentence is followed by
a space if another sentence follows; that is for the caller, who knows.
"""

import re
from collections.abc import Sequence

SPACINGS = ("natural", "plain")

_APOSTROPHE = "\N{RIGHT SINGLE QUOTATION MARK}"
_CLOSING = frozenset(".,;:!?%…)]}”") | {"...", "-RRB-", "-RSB-", "-RCB-", "''"}
_OPENING = frozenset("([{“¿¡`\N{LEFT SINGLE QUOTATION MARK}") | {"-LRB-", "-LSB-", "-LCB-", "``"}
_CLITIC = re.compile(rf"['{_APOSTROPHE}](?:s|m|d|ll|re|ve)|n['{_APOSTROPHE}]t", re.IGNORECASE)
_PAUSES = frozenset(",.?!")
_STOPS = re.compile(r"[.!?]+")
_NUMBER_JOINERS = frozenset("-/:\N{EN DASH}")
_CURRENCY = re.compile(r"[$£€¥#]|[A-Za-z]+\$")
_QUOTES = frozenset({'"', "'", _APOSTROPHE})


def plain_spaces(words: Sequence[str]) -> list[bool]:
    """Put one space between any two tokens.

    words (Sequence[str]): One sentence's tokens.
    RETURNS (list[bool]): Whether a space follows each token; False for the last.
    """
    return [True] * (len(words) - 1) + [False] * bool(words)


def natural_spaces(words: Sequence[str]) -> list[bool]:
    """Put spaces where English print has them.

    words (Sequence[str]): One sentence's tokens.
    RETURNS (list[bool]): Whether a space follows each token; False for the last.
    """
    before, after = _quote_sides(words)
    spaces = plain_spaces(words)
    for i in range(len(words) - 1):
        in_quote = i in after or i + 1 in before
        if in_quote or _joined_by(words, i) or _joined_by(words, i + 1) or _stick(words[i], words[i + 1]):
            spaces[i] = False
    return spaces


def _stick(left: str, right: str) -> bool:
    """RETURNS (bool): Whether two neighbours touch wherever they stand: rules 1, 2, 3 and 7."""
    if left in _OPENING or right in _CLOSING:
        return True
    if _STOPS.fullmatch(right) or _CLITIC.fullmatch(right):
        return True
    return _CURRENCY.fullmatch(left) is not None and right[0].isdigit()


def _joined_by(words: Sequence[str], i: int) -> bool:
    """RETURNS (bool): Whether token i joins its two neighbours: rule 6."""
    if not 0 < i < len(words) - 1 or words[i] not in _NUMBER_JOINERS:
        return False
    left, right = words[i - 1][-1], words[i + 1][0]
    if words[i] == "/":
        return left.isalnum() and right.isalnum()
    return left.isdigit() and right.isdigit()


def _quote_sides(words: Sequence[str]) -> tuple[set[int], set[int]]:
    """RETURNS (tuple[set[int], set[int]]): The quotes without a space before, and those without one after."""
    before: set[int] = set()
    after: set[int] = set()
    open_quotes: set[str] = set()
    odd = list(words).count('"') % 2 == 1
    end = len(words)  # Behind the last token that is not punctuation.
    while end and words[end - 1] in _CLOSING:
        end -= 1
    for i, word in enumerate(words):
        if word == "`":
            open_quotes.add("'")
        if word not in _QUOTES:
            continue
        possessive = word != '"' and i > 0 and words[i - 1][-1] in "sS"
        if word == '"' and odd:
            odd = False
            if 0 < i < len(words) - 1 and words[i - 1] in _PAUSES and words[i + 1][0].islower():
                before.add(i)
                continue
        if word in open_quotes:
            open_quotes.discard(word)
            before.add(i)
        elif word == _APOSTROPHE or possessive or (i > 0 and i >= end - 1):
            before.add(i)
        else:
            open_quotes.add(word)
            after.add(i)
    return before, after
