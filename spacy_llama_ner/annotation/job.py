"""What is to be annotated, with what and to where; and what tells two jobs apart."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spacy_llama_ner.annotation.formats import STDIN
from spacy_llama_ner.annotation.source import Source


@dataclass(frozen=True)
class Job:
    """A job.

    model (str): The pipeline: a folder or an installed package's name.
    source (Source): What is read.
    output (Path): What is written.
    output_format (str): One of OUTPUT_FORMATS.
    batch_size (int): Records annotated at once.
    part_batches (int): Batches in a part, which is what a kill can cost.
    gpu_id (int): The GPU, or -1 for the CPU.
    """

    model: str
    source: Source
    output: Path
    output_format: str
    batch_size: int
    part_batches: int
    gpu_id: int = -1

    @property
    def as_docs(self) -> bool:
        """Whether Docs are written, not rows."""
        return self.output_format in ("spacy", "folder")

    def identity(self) -> dict[str, Any]:
        """List what the output's bytes depend on.

        RETURNS (dict): As JSON has it. What the input holds is not in it: that is checked while it is read.
        RAISES (ValueError): If there is no such pipeline.
        """
        import spacy

        path = self.source.path
        return {
            "model": self.model,
            "the model's files": digest_model(self.model),
            "input": path if path == STDIN else str(Path(path).resolve()),
            "input format": self.source.format,
            "field": self.source.field,
            "field of the entities": self.source.ents_field,
            "output format": self.output_format,
            "batch size": self.batch_size,
            "batches in a part": self.part_batches,
            "device": "GPU" if self.gpu_id >= 0 else "CPU",
            "spaCy": spacy.__version__,
        }


def digest_model(model: str) -> str:
    """Tell a pipeline from another one under the same name, without reading gigabytes.

    model (str): A folder or an installed package's name.
    RETURNS (str): A digest of its files' names, sizes and times.
    RAISES (ValueError): If there is none.
    """
    from spacy.util import get_package_path, is_package

    if Path(model).is_dir():
        folder = Path(model)
    elif is_package(model):
        folder = get_package_path(model)
    else:
        raise ValueError(f"No pipeline {model}: expected a folder, or the name of an installed package.")
    state = hashlib.blake2b(digest_size=16)
    for path in sorted(folder.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            stat = path.stat()
            state.update(repr((str(path.relative_to(folder)), stat.st_size, stat.st_mtime_ns)).encode())
    return state.hexdigest()
