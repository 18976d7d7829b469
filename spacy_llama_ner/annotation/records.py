"""Records in lines of text: plain text, JSONL, CSV and TSV. A bad record is given with its problem, not skipped."""

import csv
import json
from collections.abc import Iterator

from spacy_llama_ner.annotation.lines import Lines
from spacy_llama_ner.annotation.types import Problem, Record

NOT_UTF8 = "not UTF-8"
BAD_JSON = "no JSON object"
BAD_ROW = "no row of the table"

# Python's own limit, 131,072, is too low for a long text. Some limit is needed: an open quote takes all that follows.
_LONGEST_FIELD = 50_000_000


def read_txt(lines: Lines, field: str) -> Iterator[Record]:
    """Read a text per line; an empty line is an empty text."""
    for line in lines:
        text = line.removesuffix(b"\n").removesuffix(b"\r")
        try:
            yield Record(lines.number, lines.position, {field: text.decode("utf8")})
        except UnicodeDecodeError as e:
            yield _bad(lines, NOT_UTF8, str(e))


def read_jsonl(lines: Lines) -> Iterator[Record]:
    """Read a JSON object per line; blank lines hold no record."""
    for line in lines:
        if not line.strip():
            continue
        try:
            fields = json.loads(line.decode("utf8"))
            # Half of a surrogate pair can be escaped in JSON, but no text in UTF-8 can hold it.
            if b"\\u" in line:
                json.dumps(fields, ensure_ascii=False).encode("utf8")
        except UnicodeError as e:
            yield _bad(lines, NOT_UTF8, str(e))
        except (ValueError, RecursionError) as e:
            yield _bad(lines, BAD_JSON, str(e))
        else:
            if isinstance(fields, dict):
                yield Record(lines.number, lines.position, fields)
            else:
                kind = type(fields).__name__
                yield _bad(lines, BAD_JSON, f"expected an object in braces, not a value of type {kind}")


def csv_header(lines: Lines, delimiter: str, field: str, ents_field: str) -> list[str]:
    """Read the names of a table's columns.

    RAISES (ValueError): If they lack the text's, have the entities', or have one twice.
    """
    try:
        names = next(csv.reader((line.decode("utf8") for line in lines), delimiter=delimiter), [])
    except UnicodeDecodeError as e:
        raise ValueError(f"The first line, with the columns' names, is not UTF-8 ({e}).") from e
    check_names(names, field, ents_field)
    return names


def check_names(names: list[str], field: str, ents_field: str) -> None:
    """Hold a table's columns against what is read from it and added to it.

    RAISES (ValueError): If they lack the text's, have the entities', or have one twice.
    """
    listed = ", ".join(map(repr, names)) or "none"
    if field not in names:
        raise ValueError(
            f"There is no column {field!r} for the text; say with --field which it is. Columns: {listed}."
        )
    if ents_field in names:
        raise ValueError(
            f"There is a column {ents_field!r} already: give the entities another name with --ents-field."
        )
    if len(set(names)) < len(names):
        raise ValueError(f"Several columns have the same name. Columns: {listed}.")


def read_csv(lines: Lines, delimiter: str, field: str, ents_field: str) -> Iterator[Record]:
    """Read a table with a header; a record may go over several lines, in quotes."""
    names = csv_header(lines, delimiter, field, ents_field)
    csv.field_size_limit(_LONGEST_FIELD)
    # Bytes that are no UTF-8 come through as surrogates, which are looked for in each row.
    rows = csv.reader((line.decode("utf8", "surrogateescape") for line in lines), delimiter=delimiter)
    while True:
        number = lines.number + 1
        try:
            row = next(rows)
            "".join(row).encode("utf8")
        except StopIteration:
            return
        except csv.Error as e:
            yield _bad(lines, BAD_ROW, str(e), number)
        except UnicodeEncodeError as e:
            yield _bad(lines, NOT_UTF8, str(e), number)
        else:
            if not row:  # a blank line
                continue
            if len(row) == len(names):
                yield Record(number, lines.position, dict(zip(names, row, strict=True)))
            else:
                reason = f"expected {len(names)} columns as in the header, got {len(row)}"
                yield _bad(lines, BAD_ROW, reason, number)


def _bad(lines: Lines, kind: str, reason: str, number: int | None = None) -> Record:
    number = number or lines.number
    return Record(number, lines.position, {}, Problem(number, kind, reason))
