"""Read text to pretrain on: JSON lines, plain or packed."""

import gzip
import json
import lzma
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

_OPENERS: dict[str, Callable] = {".xz": lzma.open, ".gz": gzip.open}


def read_texts(paths: Sequence[Path]) -> Iterator[str]:
    """Read the documents of JSON-lines files.

    paths (Sequence[Path]): Files with one object a line, `{"text": "..."}`; `.xz` and `.gz` are unpacked.
    YIELDS (str): One document after the other, in the files' order; empty ones are left out.
    RAISES (ValueError): If a file is missing or cannot be unpacked, a line is not such an object, or no text is left.
    """
    check_files(paths)
    empty = True
    for path in paths:
        for text in _read_file(path):
            if text.strip():
                empty = False
                yield text
    if empty:
        raise ValueError(
            f"no text in {', '.join(map(str, paths)) or 'no file'}; expected documents to train on"
        )


def check_files(paths: Sequence[Path]) -> None:
    """RAISES (ValueError): If one is missing."""
    for path in paths:
        if not path.is_file():
            raise ValueError(
                f"{path}: no such file. Expected JSON lines with a text: .jsonl, .jsonl.xz, .jsonl.gz"
            )


def _read_file(path: Path) -> Iterator[str]:
    opener: Callable = _OPENERS.get(path.suffix, open)
    number = 0
    try:
        with opener(path, "rt", encoding="utf-8") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield _parse(line, f"{path}:{number}")
    except (EOFError, lzma.LZMAError, gzip.BadGzipFile, zlib.error) as e:
        raise ValueError(f"{path}: cannot be unpacked after line {number}: {e}. Get the file again") from e
    except UnicodeDecodeError as e:
        raise ValueError(f"{path}: not UTF-8 after line {number}: {e}. Convert the file") from e


def _parse(line: str, place: str) -> str:
    expected = 'Expected one JSON object a line with a text: {"text": "..."}'
    try:
        record = json.loads(line)
    except ValueError as e:
        raise ValueError(f"{place}: not JSON: {e}. {expected}") from e
    if not isinstance(record, dict) or not isinstance(record.get("text"), str):
        raise ValueError(f"{place}: no text. {expected}")
    text = record["text"]
    try:
        text.encode()
    except UnicodeEncodeError as e:
        raise ValueError(f"{place}: half a surrogate pair, which is no character: {e}. Remove it") from e
    return text
