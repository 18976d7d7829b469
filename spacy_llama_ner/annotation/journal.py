"""What of a job is done: a folder beside the output, with a part's data and then its entry, each by one rename.

A part counts once its entry is there, so a process killed at any moment leaves whole parts and perhaps a draft, which
the next run overwrites.
"""

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from spacy_llama_ner.annotation.types import Annotated, Problem
from spacy_llama_ner.replacement import write_whole


@dataclass
class Counts:
    """What was done so far.

    batches, records, problems, words, ents (int): Counts; `records` has the bad ones, too.
    position (int): How far the input is read: bytes or rows.
    digest (str): Of all records.
    """

    batches: int = 0
    records: int = 0
    problems: int = 0
    words: int = 0
    ents: int = 0
    position: int = 0
    digest: str = ""

    def add(self, result: Annotated) -> None:
        """Count a batch."""
        self.batches += 1
        self.records += result.records
        self.problems += len(result.problems)
        self.words += result.words
        self.ents += result.ents
        self.position = result.position
        self.digest = result.digest


class Journal:
    """The folder NAME.partial beside an output."""

    def __init__(self, output: Path) -> None:
        """output (Path): The output."""
        self.folder = output.with_name(f"{output.name}.partial")
        self._lock: int | None = None

    def open(self, identity: dict[str, Any], *, overwrite: bool, exists: bool) -> Counts:
        """Begin, or go on.

        identity (dict): What the output depends on.
        overwrite (bool): Begin anew, and replace the output in the end.
        exists (bool): Whether there is an output already.
        RETURNS (Counts): What is done: all zero at a beginning.
        RAISES (ValueError): If what is there is another job's, is in use, or an output would be replaced.
        """
        output = self.folder.with_name(self.folder.name.removesuffix(".partial"))
        begun = self.folder / "job.json"
        if exists and not overwrite and not begun.is_file():
            raise ValueError(f"{output} exists already: choose another name, or replace it with --overwrite.")
        self.folder.mkdir(parents=True, exist_ok=True)
        self._take_lock()
        goes_on = begun.is_file() and not overwrite
        if goes_on and (error := _compare(identity, json.loads(begun.read_text(encoding="utf8")))):
            self._free_lock()
            raise ValueError(f"{self.folder} holds the work of a run that was stopped, and {error}")
        if not goes_on:
            begun.unlink(missing_ok=True)  # First: without it, what is left is nobody's.
        for path in self.folder.iterdir():
            if path.name == "draft" or (path.name != "lock" and not goes_on):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        write_whole(begun, json.dumps(identity, indent=2).encode())
        done = self.parts()
        return Counts(**self._entry(done - 1)["counts"]) if done else Counts()

    def parts(self) -> int:
        """RETURNS (int): How many parts are whole."""
        number = 0
        while self._entry_path(number).is_file():
            number += 1
        return number

    def data(self, number: int) -> Path:
        """RETURNS (Path): Where a part's data is."""
        return self.folder / f"{number:06d}.data"

    def draft(self) -> Path:
        """RETURNS (Path): Where a part, or the output, is written until it is whole."""
        return self.folder / "draft"

    def commit(self, number: int, counts: Counts, problems: list[Problem]) -> None:
        """Make the draft the next part.

        number (int): The part's, from 0.
        counts (Counts): Up to and with it.
        problems (list[Problem]): Of its records.
        """
        self.draft().replace(self.data(number))
        entry = {"counts": asdict(counts), "problems": [asdict(problem) for problem in problems]}
        write_whole(self._entry_path(number), json.dumps(entry).encode())

    def problems(self) -> Iterator[Problem]:
        """YIELDS (Problem): Those of all parts."""
        for number in range(self.parts()):
            for problem in self._entry(number)["problems"]:
                yield Problem(**problem)

    def close(self) -> None:
        """Let other processes go on with the job; a beginning without a part is forgotten."""
        if not self.parts():
            shutil.rmtree(self.folder, ignore_errors=True)
        self._free_lock()

    def remove(self) -> None:
        """Forget the job: its output is in place. A kill in between leaves a folder that is no job."""
        (self.folder / "job.json").unlink()
        shutil.rmtree(self.folder)

    def _entry_path(self, number: int) -> Path:
        return self.folder / f"{number:06d}.json"

    def _entry(self, number: int) -> dict[str, Any]:
        return json.loads(self._entry_path(number).read_text(encoding="utf8"))

    def _take_lock(self) -> None:
        """Two processes would write into the same draft. The system frees the lock of one that is killed."""
        self._lock = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT)
        try:
            import fcntl
        except ImportError:  # Windows
            return
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as e:
            self._free_lock()
            raise ValueError(f"Another process is writing {self.folder}: wait for it.") from e

    def _free_lock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def _compare(identity: dict[str, Any], begun: dict[str, Any]) -> str | None:
    """RETURNS (Optional[str]): What differs first, and what to do; None if nothing does."""
    for key, value in identity.items():
        if value != begun.get(key):
            return (
                f"with another value of: {key} ({begun.get(key)!r} then, {value!r} now). "
                "Repeat the command as it was to go on, or begin anew with --overwrite."
            )
    return None
