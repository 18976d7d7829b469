"""Records in rows of a Parquet file."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from spacy_llama_ner.annotation.records import NOT_UTF8, check_names
from spacy_llama_ner.annotation.types import Problem, Record

if TYPE_CHECKING:
    import pyarrow as pa

_ROWS = 256  # made to Python objects at once


def check_columns(path: str, field: str, ents_field: str) -> None:
    """RAISES (ValueError): If the columns lack the text's or have the entities', or the file is no Parquet file."""
    check_names(read_schema(path).names, field, ents_field)


def read_schema(path: str) -> "pa.Schema":
    """RETURNS (Schema): The columns' names and types."""
    import pyarrow.parquet as pq

    return pq.read_schema(path)


def count_rows(path: str) -> int:
    """RETURNS (int): All rows, as the file's end says."""
    import pyarrow.parquet as pq

    return pq.read_metadata(path).num_rows


def read_parquet(path: str) -> Iterator[Record]:
    """Read row by row; one row group at a time is in memory."""
    import pyarrow.parquet as pq

    number = 0
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=_ROWS):
            for fields in _rows(batch):
                number += 1
                if isinstance(fields, UnicodeDecodeError):
                    yield Record(number, number, {}, Problem(number, NOT_UTF8, str(fields)))
                else:
                    yield Record(number, number, fields)


def _rows(batch: "pa.RecordBatch") -> list[Any]:
    """RETURNS (list): Each row as a dict, or the error where its text is no UTF-8, which Parquet does not check."""
    try:
        return batch.to_pylist()
    except UnicodeDecodeError:
        return [_row(batch.slice(i, 1)) for i in range(batch.num_rows)]


def _row(batch: "pa.RecordBatch") -> Any:
    try:
        return batch.to_pylist()[0]
    except UnicodeDecodeError as e:
        return e
