"""What the parts of an annotation hand over to each other; all of it can be pickled."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a record has no annotation.

    number (int): The record's line or row, from 1.
    kind (str): A few words, the same for all problems of this kind.
    reason (str): What is wrong with this record.
    """

    number: int
    kind: str
    reason: str


@dataclass(frozen=True, slots=True)
class Record:
    """A record as it was read.

    number (int): Its line or row, from 1; of a record of several lines the first.
    position (int): How far the reader was behind it, in the unit of the source's total: bytes or rows.
    fields (dict): Its fields; empty if it could not be read.
    problem (Optional[Problem]): Why it could not be read.
    """

    number: int
    position: int
    fields: dict[str, Any]
    problem: Problem | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """Consecutive records, always the same ones for the same source and size.

    index (int): Its place among the batches, from 0.
    records (list[Record]): At least one.
    digest (str): Of all records up to and with this batch.
    """

    index: int
    records: list[Record]
    digest: str


@dataclass(frozen=True, slots=True)
class Annotated:
    """A batch with what became of its records.

    index, digest: Those of the batch.
    records (int): How many it had.
    position (int): That of its last record.
    rows (list[dict]): The fields and entities of those that were annotated, in order; empty for Docs.
    docs (Optional[bytes]): The same as a DocBin, where that is asked for.
    problems (list[Problem]): Those of the others.
    words, ents (int): Tokens and entities in the annotated ones.
    """

    index: int
    digest: str
    records: int
    position: int
    rows: list[dict[str, Any]] = field(default_factory=list)
    docs: bytes | None = None
    problems: list[Problem] = field(default_factory=list)
    words: int = 0
    ents: int = 0
