"""Write parts, and put an output together from them, in bounded memory where the format allows it."""

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from spacy.tokens import DocBin

from spacy_llama_ner.annotation.batch import plain
from spacy_llama_ner.annotation.job import Job
from spacy_llama_ner.annotation.types import Annotated


class PartWriter(Protocol):
    """Writes one part."""

    def add(self, result: Annotated) -> None:
        """Add a batch."""

    def close(self) -> None:
        """Finish the file."""


class JsonlPart:
    """A part in JSON lines."""

    def __init__(self, path: Path) -> None:
        """path (Path): The file."""
        self._file = path.open("wb")

    def add(self, result: Annotated) -> None:
        """Add a batch."""
        for row in result.rows:
            self._file.write(json.dumps(row, ensure_ascii=False, default=plain).encode("utf8") + b"\n")

    def close(self) -> None:
        """Finish the file."""
        self._file.close()


class DocsPart:
    """A part as a DocBin, in memory until it is closed."""

    def __init__(self, path: Path) -> None:
        """path (Path): The file."""
        self._path = path
        self._docs = DocBin(store_user_data=True)

    def add(self, result: Annotated) -> None:
        """Add a batch."""
        if result.docs is not None:
            self._docs.merge(read_docs(result.docs))

    def close(self) -> None:
        """Finish the file."""
        self._docs.to_disk(self._path)


def open_part(job: Job, path: Path) -> PartWriter:
    """RETURNS (PartWriter): The writer of a part of this job."""
    if job.as_docs:
        return DocsPart(path)
    if job.output_format == "parquet" and job.source.format == "parquet":
        from spacy_llama_ner.annotation.parquet_output import ParquetPart, output_schema

        return ParquetPart(path, output_schema(job.source.path, job.source.ents_field))
    return JsonlPart(path)


def assemble(job: Job, parts: Sequence[Path], draft: Path) -> list[str]:
    """Put an output together from its parts, which stay.

    job (Job): Whose output it is.
    parts (Sequence[Path]): The parts' data, in order.
    draft (Path): What to write.
    RETURNS (list[str]): What the user should know of it.
    """
    return _assembler(job)(parts, draft)


def read_docs(data: bytes) -> DocBin:
    """RETURNS (DocBin): From bytes, with its user data, which `from_bytes` leaves out unless it is told."""
    return DocBin(store_user_data=True).from_bytes(data)


def _assembler(job: Job) -> Callable[[Sequence[Path], Path], list[str]]:
    if job.output_format == "jsonl":
        return _join_bytes
    if job.output_format == "spacy":
        return _join_docs
    if job.output_format == "folder":
        return _copy_docs
    from spacy_llama_ner.annotation.parquet_output import join_jsonl, join_parquet, output_schema

    ents_field = job.source.ents_field
    if job.source.format == "parquet":
        return lambda parts, draft: join_parquet(parts, draft, output_schema(job.source.path, ents_field))
    return lambda parts, draft: join_jsonl(parts, draft, ents_field)


def _join_bytes(parts: Sequence[Path], draft: Path) -> list[str]:
    with draft.open("wb") as file:
        for part in parts:
            with part.open("rb") as data:
                shutil.copyfileobj(data, file)
    return []


def _join_docs(parts: Sequence[Path], draft: Path) -> list[str]:
    docs = DocBin(store_user_data=True)
    for part in parts:
        docs.merge(read_docs(part.read_bytes()))
    docs.to_disk(draft)
    return []


def _copy_docs(parts: Sequence[Path], draft: Path) -> list[str]:
    draft.mkdir()
    for number, part in enumerate(parts):
        shutil.copyfile(part, draft / f"{number:06d}.spacy")
    return []
