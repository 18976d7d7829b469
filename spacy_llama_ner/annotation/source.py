"""A source of records: a file of any of the formats."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from spacy_llama_ner.annotation.formats import STDIN
from spacy_llama_ner.annotation.lines import open_lines
from spacy_llama_ner.annotation.parquet_rows import check_columns, count_rows, read_parquet
from spacy_llama_ner.annotation.records import csv_header, read_csv, read_jsonl, read_txt
from spacy_llama_ner.annotation.types import Record

_DELIMITERS = {"csv": ",", "tsv": "\t"}


@dataclass(frozen=True)
class Source:
    """Where records come from.

    path (str): A file, or "-" for standard input.
    format (str): One of INPUT_FORMATS.
    field (str): The field that holds the text.
    ents_field (str): The field that the entities will go to; no record may have it.
    """

    path: str
    format: str
    field: str = "text"
    ents_field: str = "ents"

    def check(self) -> None:
        """Look whether records can be read at all.

        RAISES (FileNotFoundError): If there is no such file.
        RAISES (ValueError): If its columns are known and lack the text, or have what we would add.
        """
        if self.field == self.ents_field:
            raise ValueError(f"The text and the entities cannot both be in the field {self.field!r}.")
        if self.path == STDIN:
            return
        if not Path(self.path).is_file():
            raise FileNotFoundError(f"No file {self.path}: expected records as {self.format}.")
        if self.format == "parquet":
            check_columns(self.path, self.field, self.ents_field)
        elif self.format in _DELIMITERS:
            with open_lines(self.path) as lines:
                csv_header(lines, _DELIMITERS[self.format], self.field, self.ents_field)

    def total(self) -> int | None:
        """RETURNS (Optional[int]): Its size, in bytes, or rows of Parquet; None for standard input."""
        if self.path == STDIN:
            return None
        return count_rows(self.path) if self.format == "parquet" else Path(self.path).stat().st_size

    def records(self) -> Iterator[Record]:
        """Read one record after the other; no more than one row group is in memory, or one line.

        RAISES (ValueError): If the file is damaged, so that nothing more can be read.
        """
        if self.format == "parquet":
            yield from read_parquet(self.path)
            return
        with open_lines(self.path) as lines:
            if self.format == "txt":
                yield from read_txt(lines, self.field)
            elif self.format == "jsonl":
                yield from read_jsonl(lines)
            else:
                yield from read_csv(lines, _DELIMITERS[self.format], self.field, self.ents_field)
