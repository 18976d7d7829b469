"""Read what a source names: a CoNLL file, a folder of them, a hub data set, or a config that names one."""

import re
from pathlib import Path
from typing import Any

from thinc.api import Config

from spacy_llama_ner.corpus.article import Corpus, CorpusError
from spacy_llama_ner.corpus.conll import read_conll
from spacy_llama_ner.corpus.hub import read_hub

SUFFIXES = (".txt", ".conll", ".iob", ".iob2", ".tsv")
# Names by split: before a suffix, and whole. testa and testb are CoNLL-2003's own for dev and test.
_STEMS = {"train": ("train",), "dev": ("dev", "valid", "validation", "testa"), "test": ("test", "testb")}
_NAMES = {"train": ("eng.train",), "dev": ("eng.testa",), "test": ("eng.testb",)}
SPLITS = tuple(_STEMS)
_HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)
_FORMS = "a CoNLL file, a folder of them, a training config (*.cfg) or a hub data set (owner/name)"


def read_source(
    source: str, *, split: str | None = None, revision: str | None = None, repair: bool = False
) -> Corpus:
    """Read one split of a source.

    source (str): A CoNLL file; a folder with one file a split, e.g. train.txt, dev.conll, eng.testb; a spaCy
        training config whose `[paths] source` is one of the others, relative to the current folder, and whose
        `[paths] source_revision` may name a revision; or owner/name on the hub.
    split (str | None): train, dev or test; not needed for a single file.
    revision (str | None): The hub revision; before the config's.
    repair (bool): Mend malformed lines and tags, see `conll.read_conll`.
    RETURNS (Corpus): The split.
    RAISES (CorpusError): If the source or its split is not there, or not well-formed.
    """
    path = Path(source)
    if path.suffix == ".cfg":
        named, named_revision = _read_config(path)
        if Path(named).suffix == ".cfg":
            raise CorpusError(f"{path}: [paths] source is another config, {named}. Expected {_FORMS}.")
        return read_source(named, split=split, revision=revision or named_revision, repair=repair)
    if path.is_file():
        return read_conll(path, repair=repair)
    if path.is_dir():
        return read_conll(find_split(path, _check_split(source, split)), repair=repair)
    if _is_hub_name(source):
        return read_hub(source, split=_check_split(source, split), revision=revision, repair=repair)
    raise CorpusError(f"{source}: no such file or folder. Expected {_FORMS}.")


def configured_unit(path: Path) -> str | None:
    """Read what a training config makes a Doc of: `[paths] unit`.

    path (Path): A config; for any other file or folder there is none.
    RETURNS (str | None): "sentence" or "article"; None if it does not say.
    RAISES (CorpusError): If it says something else.
    """
    unit = _read_paths(path).get("unit") if path.suffix == ".cfg" else None
    if unit not in (None, "sentence", "article"):
        raise CorpusError(f'{path}: [paths] unit is {unit!r}. Expected "sentence" or "article".')
    return unit


def find_split(folder: Path, split: str) -> Path:
    """Find the file of a split.

    folder (Path): A folder of CoNLL files.
    split (str): train, dev or test.
    RETURNS (Path): The one file that has a name of that split.
    RAISES (CorpusError): If there is none, or more than one.
    """
    wanted = {stem + suffix for stem in _STEMS[split] for suffix in SUFFIXES} | set(_NAMES[split])
    present = sorted(path.name for path in folder.iterdir() if path.is_file())
    found = [name for name in present if name in wanted]
    if len(found) == 1:
        return folder / found[0]
    stems = ", ".join(f"{stem}.*" for stem in _STEMS[split])
    looked = f"Looked for {stems} ({', '.join(SUFFIXES)}) and {', '.join(_NAMES[split])}"
    if found:
        raise CorpusError(
            f"{folder}: {len(found)} files for the split {split}: {', '.join(found)}. {looked}. Expected "
            f"one: name the file itself as the source, or move the others away."
        )
    raise CorpusError(
        f"{folder}: no file for the split {split}. {looked}; the folder has {', '.join(present) or 'none'}."
    )


def _check_split(source: str, split: str | None) -> str:
    if split not in SPLITS:
        raise CorpusError(
            f"{source}: which split? Got {split!r}, expected {', '.join(SPLITS)}: name it with --split."
        )
    return split


def _is_hub_name(source: str) -> bool:
    """RETURNS (bool): Whether it reads as owner/name, and not as a path to a missing file."""
    if not _HUB_NAME.fullmatch(source) or Path(source).suffix in SUFFIXES:
        return False
    return not Path(source).parent.is_dir()


def _read_config(path: Path) -> tuple[str, str | None]:
    """RETURNS (tuple[str, str | None]): Source and revision that a training config names."""
    paths = _read_paths(path)
    source, revision = paths.get("source"), paths.get("source_revision")
    if not isinstance(source, str) or not source or "${" in source:
        raise CorpusError(f"{path}: [paths] source is {source!r}. Expected {_FORMS}, written out.")
    if revision is not None and not isinstance(revision, str):
        raise CorpusError(
            f"{path}: [paths] source_revision is {revision!r}. Expected a branch, tag or commit, or null."
        )
    return source, revision


def _read_paths(path: Path) -> dict[str, Any]:
    """RETURNS (dict[str, Any]): The section [paths] of a training config."""
    if not path.is_file():
        raise CorpusError(f"{path}: no such config file. Expected {_FORMS}.")
    try:
        # Not interpolated: the config may take values from the command line of `spacy train`.
        return Config().from_disk(path, interpolate=False).get("paths", {})
    except ValueError as e:
        raise CorpusError(f"{path}: not a config that spaCy can read: {e}") from e
