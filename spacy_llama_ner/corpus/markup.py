"""A readable source for annotated articles: plain text with entities in brackets.

One sentence a line, its tokens separated by spaces; an entity is `[PER Anna Kovac]`: bracket, label, tokens,
bracket. A line that begins with # is a comment; blank lines count for nothing. Brackets mean entities only,
and do not nest.

    # topic: trade
    [PER Anna Kovac] of [ORG Harbour Bank] flew to [LOC Oslo] on Monday .
"""

import re
from collections.abc import Sequence
from pathlib import Path

from spacy_llama_ner.corpus.article import Article, CorpusError, Sentence
from spacy_llama_ner.corpus.conll import DOCSTART, read_utf8
from spacy_llama_ner.corpus.tagging import iob2_spans

LABELS = ("PER", "ORG", "LOC", "MISC")
# An opening bracket with its label, a closing bracket, or a run of anything else.
_ITEM = re.compile(r"\[[^\s\[\]]*|\]|[^\s\[\]]+")


def read_markup(path: Path, *, labels: Sequence[str] = LABELS) -> Article:
    """Read one article.

    path (Path): A UTF-8 text file.
    labels (Sequence[str]): The labels that entities may have.
    RETURNS (Article): The article.
    RAISES (CorpusError): If a line is malformed, or the file has no sentence.
    """
    lines = enumerate(read_utf8(path).split("\n"), start=1)
    sentences = [
        parse_line(line, place=f"{path}:{number}", labels=labels)
        for number, line in lines
        if line.strip() and not line.startswith("#")
    ]
    if not sentences:
        raise CorpusError(f"{path}: no sentence in the file. Expected one sentence a line.")
    return Article(tuple(sentences))


def parse_line(line: str, *, place: str, labels: Sequence[str] = LABELS) -> Sentence:
    """Read one sentence.

    line (str): Tokens separated by spaces, entities in brackets.
    place (str): Where the line stands, for messages.
    labels (Sequence[str]): The labels that entities may have.
    RETURNS (Sentence): Its words and IOB2 tags.
    RAISES (CorpusError): If a bracket is out of place, a label unknown, or an entity empty or not closed.
    """
    words: list[str] = []
    tags: list[str] = []
    label, first = "", 0  # The open entity, and its first token.
    for match in _ITEM.finditer(line):
        item = match[0]
        if item.startswith("["):
            _check_opening(line, match.start(), item, label, place, labels)
            label = item[1:]
            first = len(words)
        elif item == "]":
            if not label:
                raise CorpusError(
                    f"{place}: a closing bracket without an opening one. Expected `[PER Anna Kovac]`."
                )
            if len(words) == first:
                raise CorpusError(f"{place}: an entity {label} without a token. Expected `[{label} token]`.")
            if match.end() < len(line) and not line[match.end()].isspace():
                raise CorpusError(
                    f"{place}: no space after the closing bracket of {label}. Separate the tokens."
                )
            label = ""
        else:
            tags.append(f"{'B' if len(words) == first else 'I'}-{label}" if label else "O")
            words.append(item)
    if label:
        raise CorpusError(
            f"{place}: the entity {label} is not closed. Add a closing bracket after its last token."
        )
    if words[0] == DOCSTART:
        raise CorpusError(
            f"{place}: a sentence cannot begin with {DOCSTART}. It marks an article in CoNLL files."
        )
    return Sentence(tuple(words), tuple(tags))


def format_markup(article: Article) -> str:
    """Write an article as markup, the inverse of `read_markup` but for comments.

    article (Article): The article; parts of speech and chunks are not written.
    RETURNS (str): One line a sentence.
    RAISES (CorpusError): If a word holds a bracket, or a sentence begins with #.
    """
    lines = []
    for sentence in article.sentences:
        if sentence.words[0].startswith("#"):
            raise CorpusError(f"Markup cannot begin a sentence with #: {' '.join(sentence.words)!r}.")
        lines.append(format_sentence(sentence))
    return "\n".join(lines) + "\n"


def format_sentence(sentence: Sentence) -> str:
    """Write a sentence as one line of markup.

    sentence (Sentence): The sentence; parts of speech and chunks are not written.
    RETURNS (str): Tokens with single spaces between them, entities in brackets.
    RAISES (CorpusError): If a word holds a bracket.
    """
    items = list(sentence.words)
    for word in items:
        if "[" in word or "]" in word:
            raise CorpusError(f"Markup cannot hold {word!r}: brackets mean entities. Use ( and ).")
    for start, end, label in iob2_spans(sentence.tags):
        items[start] = f"[{label} {items[start]}"
        items[end - 1] += "]"
    return " ".join(items)


def _check_opening(line: str, start: int, item: str, label: str, place: str, labels: Sequence[str]) -> None:
    """RAISES (CorpusError): If a bracket opens inside an entity or a token, or has no known label."""
    if label:
        raise CorpusError(
            f"{place}: an opening bracket inside the entity {label}. Entities do not nest; close it first."
        )
    if start and not line[start - 1].isspace():
        raise CorpusError(
            f"{place}: no space before {item!r}. Separate the tokens; brackets mean entities only."
        )
    if item[1:] not in labels:
        raise CorpusError(
            f"{place}: unknown label {item[1:]!r} after an opening bracket. Expected one of: "
            f"{', '.join(labels)}, without a space before it."
        )
