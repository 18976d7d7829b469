"""The lines of a text file, a compressed one or standard input, with how far they reach."""

import gzip
import io
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from spacy_llama_ner.annotation.formats import STDIN

BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class Lines:
    """Iterate over lines in bytes, each with its line break; only "\\n" parts them.

    number (int): The last line's, from 1.
    position (int): Bytes read so far; of a compressed file, compressed ones.
    """

    def __init__(self, path: str, file: BinaryIO, below: BinaryIO | None) -> None:
        """
        path (str): For errors.
        file (BinaryIO): What to read.
        below (Optional[BinaryIO]): The compressed file under it.
        """
        self.number = 0
        self.position = 0
        self._path = path
        self._file = file
        self._below = below

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            line = self._file.readline()
        except (EOFError, gzip.BadGzipFile, zlib.error) as e:
            raise ValueError(f"{self._path} is damaged after line {self.number:,} ({e}).") from e
        if not line:
            raise StopIteration
        self.position = self.position + len(line) if self._below is None else self._below.tell()
        self.number += 1
        return line.removeprefix(BYTE_ORDER_MARK) if self.number == 1 else line


@contextmanager
def open_lines(path: str) -> Iterator[Lines]:
    """Open a file for its lines.

    path (str): A file, also a .gz one, or "-" for standard input.
    RAISES (OSError): If it cannot be opened.
    """
    if path == STDIN:
        yield Lines("standard input", cast(BinaryIO, getattr(sys.stdin, "buffer", io.BytesIO())), None)
        return
    with Path(path).open("rb") as file:
        if path.endswith(".gz"):
            with gzip.GzipFile(fileobj=file) as unpacked:
                yield Lines(path, cast(BinaryIO, unpacked), file)
        else:
            yield Lines(path, file, None)
