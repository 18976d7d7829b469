"""Write Parquet: a row group per part."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from spacy_llama_ner.annotation.parquet_rows import read_schema
from spacy_llama_ner.annotation.types import Annotated

ENTS = pa.list_(
    pa.struct(
        [
            ("start", pa.int64()),
            ("end", pa.int64()),
            ("label", pa.string()),
            ("text", pa.string()),
            ("score", pa.float64()),
        ]
    )
)


def output_schema(path: str, ents_field: str) -> pa.Schema:
    """RETURNS (Schema): That of a Parquet input, and the entities."""
    return read_schema(path).append(pa.field(ents_field, ENTS))


class ParquetPart:
    """A part in Parquet, of an input in Parquet: its columns keep their types."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        """
        path (Path): The file.
        schema (Schema): The columns.
        """
        self._schema = schema
        self._writer = pq.ParquetWriter(path, schema)

    def add(self, result: Annotated) -> None:
        """Add a batch."""
        if result.rows:
            self._writer.write_table(pa.Table.from_pylist(result.rows, self._schema))

    def close(self) -> None:
        """Finish the file."""
        self._writer.close()


def join_parquet(parts: Sequence[Path], draft: Path, schema: pa.Schema) -> list[str]:
    """Join parts in Parquet; one is in memory at a time.

    RETURNS (list[str]): Nothing that the user must know.
    """
    with pq.ParquetWriter(draft, schema) as writer:
        for part in parts:
            writer.write_table(pq.read_table(part, schema=schema))
    return []


def join_jsonl(parts: Sequence[Path], draft: Path, ents_field: str) -> list[str]:
    """Make Parquet of parts in JSON lines; one is in memory at a time, and they are read twice.

    A column's type is one that fits all its values in all parts. Where there is none, such as for texts and numbers
    mixed, each value is stored as JSON text.

    parts (Sequence[Path]): The parts.
    draft (Path): The file to write.
    ents_field (str): The column of the entities.
    RETURNS (list[str]): Which columns hold JSON text.
    """
    types: dict[str, pa.DataType | None] = {}
    for part in parts:
        for name, values in _columns(_read(part)).items():
            types[name] = ENTS if name == ents_field else _common(types.get(name, pa.null()), values)
    types = {name: kind if kind is not None and _is_storable(kind) else None for name, kind in types.items()}
    types[ents_field] = types.pop(ents_field, ENTS)  # the last column
    while unfit := _write(parts, draft, types):
        types[unfit] = None
    return [
        f"Column {name!r} holds values of several types: they are stored as JSON text."
        for name, kind in types.items()
        if kind is None
    ]


def _read(part: Path) -> list[dict[str, Any]]:
    with part.open("rb") as file:
        return [json.loads(line) for line in file]


def _columns(rows: Sequence[dict[str, Any]]) -> dict[str, list[Any]]:
    columns: dict[str, list[Any]] = {}
    for row in rows:
        for name, value in row.items():
            columns.setdefault(name, []).append(value)
    return columns


def _common(kind: pa.DataType | None, values: list[Any]) -> pa.DataType | None:
    """RETURNS (Optional[DataType]): A type that fits what had one type, and other values; None if there is none."""
    if kind is None:
        return None
    try:
        schemas = [pa.schema([("values", kind)]), pa.schema([("values", pa.array(values).type)])]
        return pa.unify_schemas(schemas, promote_options="permissive").field("values").type
    except (pa.ArrowException, OverflowError, TypeError):
        return None


def _is_storable(kind: pa.DataType) -> bool:
    """RETURNS (bool): False for what Parquet lacks, such as objects without fields."""
    try:
        pq.write_table(pa.schema([("values", kind)]).empty_table(), pa.BufferOutputStream())
    except pa.ArrowException:
        return False
    return True


def _write(parts: Sequence[Path], draft: Path, types: dict[str, pa.DataType | None]) -> str | None:
    """RETURNS (Optional[str]): A column whose type does not fit a value after all, as with whole numbers over 2^53."""
    schema = pa.schema([(name, pa.string() if kind is None else kind) for name, kind in types.items()])
    with pq.ParquetWriter(draft, schema) as writer:
        for part in parts:
            rows, arrays = _read(part), []
            for name, kind in zip(schema.names, schema.types, strict=True):
                try:
                    arrays.append(pa.array([_value(row.get(name), types[name]) for row in rows], kind))
                except pa.ArrowException:
                    return name
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
    return None


def _value(value: Any, kind: pa.DataType | None) -> Any:
    return value if kind is not None or value is None else json.dumps(value, ensure_ascii=False)
