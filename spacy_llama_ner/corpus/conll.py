"""Read and write CoNLL-2003's format.

One token a line, a blank line after each sentence, `-DOCSTART-` (with whatever columns: files say `-X- O O`,
`-X- -X- O` or just `O`) before each article. Columns are separated by spaces or tabs; the first is the word
and the last the tag; of four columns the second is the part of speech and the third the chunk. Tags are IOB1
or IOB2, see `tagging`. A byte-order mark, CRLF, blank lines in a row and a missing last newline are accepted.
"""

import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from spacy_llama_ner.corpus.article import Article, Corpus, CorpusError, Repairs, Sentence, group_articles
from spacy_llama_ner.corpus.iob_scheme import read_tags

DOCSTART = "-DOCSTART-"
# Written where a column is empty; a column of nothing else counts as absent.
PLACEHOLDERS = frozenset({"_", "-X-", "O"})
# Not str.split(): a no-break space may be part of a word.
_SEPARATOR = re.compile(r"[ \t]+")
_BLANK = " \t\r"

# One line that is not blank: its number, its fields, and whether something separates before the first field.
Line = tuple[int, list[str], bool]


def read_utf8(path: Path) -> str:
    """Read a text file.

    path (Path): A UTF-8 file, with or without a byte-order mark.
    RETURNS (str): Its text, line ends as they are.
    RAISES (CorpusError): If it is not UTF-8; says which line and byte.
    """
    data = path.read_bytes()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as e:
        # The decoder counts from after a byte-order mark.
        body = data.removeprefix(b"\xef\xbb\xbf")
        line = body[: e.start].count(b"\n") + 1
        raise CorpusError(
            f"{path}:{line}: byte 0x{body[e.start]:02X} is not UTF-8. Expected a UTF-8 file: save it as one, "
            f"for example with `iconv -f latin1 -t utf-8`."
        ) from e


def read_conll(path: Path, *, repair: bool = False) -> Corpus:
    """Read a CoNLL file.

    path (Path): The file.
    repair (bool): Mend malformed lines and illegal tags instead of raising, and count what was done: a word
        without a tag, or with an illegal one, gets O; of a line with too few or too many columns the first
        and the last count; a line without a word goes; an I- that begins an entity in an IOB2 file becomes
        B-.
    RETURNS (Corpus): Its articles, tags in IOB2, and the repairs.
    RAISES (CorpusError): If a line is malformed and `repair` is off; if there is no token; if not UTF-8.
    """
    repairs = Repairs()
    blocks = _split_blocks(read_utf8(path))
    columns = _count_columns(blocks)
    rows: list[list[list[str]]] = []
    numbers: list[list[int]] = []
    starts: set[int] = set()  # Indices in rows before which an article begins.
    has_articles = False
    for block in blocks:
        if block is None:
            has_articles = True
            starts.add(len(rows))
            continue
        parsed = [(line[0], _read_row(line, columns, path, repair, repairs)) for line in block]
        kept = [(number, row) for number, row in parsed if row is not None]
        if kept:
            numbers.append([number for number, _ in kept])
            rows.append([row for _, row in kept])
    if not rows:
        raise CorpusError(
            f"{path}: no token in the file. Expected lines of a word and a tag, e.g. `Paris B-LOC`."
        )
    tags = read_tags(
        [[row[-1] for row in sentence] for sentence in rows],
        place=lambda sentence, token: f"{path}:{numbers[sentence][token]}",
        repair=repair,
        repairs=repairs,
    )
    pos, chunk = (_read_column(rows, i) if columns == 4 else None for i in (1, 2))
    items: list[Sentence | None] = []
    for i, sentence in enumerate(rows):
        if i in starts:
            items.append(None)
        words = tuple(row[0] for row in sentence)
        items.append(Sentence(words, tags[i], pos[i] if pos else None, chunk[i] if chunk else None))
    return Corpus(group_articles(items), has_articles, repairs.report())


def token_lines(path: Path) -> list[list[int]]:
    """Find the lines that tokens stand in.

    path (Path): A file that `read_conll` reads without repairs.
    RETURNS (list[list[int]]): The line of each token, from 1, by sentence in the file's order.
    RAISES (CorpusError): If it is not UTF-8.
    """
    return [[number for number, _, _ in block] for block in _split_blocks(read_utf8(path)) if block]


def format_conll(articles: Iterable[Article]) -> str:
    """Write articles as CoNLL text of four columns.

    articles (Iterable[Article]): The articles; a missing part of speech or chunk is written as "_".
    RETURNS (str): The text, IOB2, `-DOCSTART- -X- -X- O` before each article.
    """
    lines: list[str] = []
    for article in articles:
        lines += [f"{DOCSTART} -X- -X- O", ""]
        for sentence in article.sentences:
            blank = ("_",) * len(sentence.words)
            columns = (sentence.words, sentence.pos or blank, sentence.chunk or blank, sentence.tags)
            lines += [" ".join(row) for row in zip(*columns, strict=True)]
            lines.append("")
    return "\n".join(lines) + "\n"


def _split_blocks(text: str) -> list[list[Line] | None]:
    """RETURNS (list): The lines of each sentence; None for each article boundary."""
    blocks: list[list[Line] | None] = []
    block: list[Line] = []
    # Not splitlines(): it also breaks at U+2028 and other characters that may be inside a word.
    for number, line in enumerate(text.split("\n"), start=1):
        fields = _SEPARATOR.split(line.strip(_BLANK))
        if fields == [""] or fields[0] == DOCSTART:
            if block:
                blocks.append(block)
                block = []
            if fields[0] == DOCSTART:
                blocks.append(None)
            continue
        block.append((number, fields, line[0] in _BLANK))
    if block:
        blocks.append(block)
    return blocks


def _count_columns(blocks: list[list[Line] | None]) -> int:
    """RETURNS (int): How many columns most lines have, 2 at least."""
    counts = Counter(len(fields) for block in blocks if block for _, fields, _ in block)
    del counts[1]
    return counts.most_common(1)[0][0] if counts else 2


def _read_row(line: Line, columns: int, path: Path, repair: bool, repairs: Repairs) -> list[str] | None:
    """RETURNS (list[str] | None): `columns` fields of a line; None if it has no word and was dropped."""
    number, fields, indented = line
    if len(fields) == columns:
        return fields
    place = f"{path}:{number}"
    came = " ".join(fields)
    if indented and len(fields) < columns:
        problem, mend = "the word is empty", "drops the line"
    elif len(fields) == 1:
        problem, mend = "one column", "keeps it as a word with the tag O"
    else:
        problem, mend = f"{len(fields)} columns", "takes the first as the word and the last as the tag"
    if not repair:
        raise CorpusError(
            f"{place}: {problem} in {came!r}. Expected {columns} columns as in the rest of the file, the "
            f"word first and the tag last. Mend the line, or convert with --repair, which {mend}."
        )
    if indented and len(fields) < columns:
        repairs.add("line without a word dropped", place)
        return None
    blank = ["_"] * (columns - 2)
    if len(fields) == 1:
        repairs.add("word without a tag tagged O", place)
        return [fields[0], *blank, "O"]
    repairs.add("wrong number of columns, first and last taken", place)
    return [fields[0], *blank, fields[-1]]


def _read_column(rows: list[list[list[str]]], index: int) -> list[tuple[str, ...]] | None:
    """RETURNS (list[tuple[str, ...]] | None): A column by sentence; None if it holds placeholders alone."""
    column = [tuple(row[index] for row in sentence) for sentence in rows]
    if all(value in PLACEHOLDERS for sentence in column for value in sentence):
        return None
    return column
