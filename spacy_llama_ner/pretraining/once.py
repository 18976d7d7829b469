"""Make a folder once: a second call with the same key finds it made."""

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from spacy_llama_ner.replacement import replace_folder


def make_once(folder: Path, key: Mapping[str, object], make: Callable[[Path], None]) -> Path:
    """Make a folder, unless it was made with the same key.

    folder (Path): It gets a file key.json beside what is made. An interrupt leaves the old one or the new.
    key (Mapping): What its content depends on, as JSON has it.
    make (Callable): Writes the content into the empty folder that it is given.
    RETURNS (Path): The folder.
    """
    marker = folder / "key.json"
    if marker.is_file() and json.loads(marker.read_text(encoding="utf-8")) == dict(key):
        return folder
    draft = folder.with_name(f".{folder.name}-draft")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    make(draft)
    (draft / "key.json").write_text(json.dumps(dict(key)), encoding="utf-8")
    replace_folder(draft, folder)
    return folder


def digest_files(paths: Sequence[Path]) -> list[str]:
    """RETURNS (List[str]): The SHA-256 of each file's content, in hex."""
    digests = []
    for path in paths:
        with path.open("rb") as file:
            digests.append(hashlib.file_digest(file, "sha256").hexdigest())
    return digests
