"""The backbone and the data set: can they be had, under which licence, and how much is to be downloaded."""

import fnmatch
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spacy_llama_ner.doctor.check import FAIL, OK, WARN, Check, gigabytes
from spacy_llama_ner.hub_errors import Kind, diagnose

# What transformers and datasets take of a repository: not a second copy of the weights in another format.
_FILES = {
    "model": ("config.json", "tokenizer*", "special_tokens_map.json", "vocab*", "merges.txt", "*.safetensors*"),
    "dataset": ("*.parquet", "*.json", "*.jsonl", "*.csv", "*.txt", "README.md"),
}  # fmt: skip
_NO_LICENCE = "not stated"


@dataclass(frozen=True, slots=True)
class Repository:
    """A model or data set.

    checks (List[Check]): What was found.
    available (bool): Whether it can be loaded.
    download (int): Bytes that are not here yet.
    """

    checks: list[Check]
    available: bool
    download: int = 0


def check_folder(what: str, folder: Path) -> Repository:
    """Look for a model's files in a local folder.

    what (str): Name of the row.
    folder (Path): An existing folder.
    RETURNS (Repository): Nothing is to be downloaded.
    """
    needed = {"config.json": "config.json", "tokenizer.json": "tokenizer.json", "*.safetensors": "weights"}
    missing = [pattern for pattern in needed if not any(folder.glob(pattern))]
    size = sum(path.stat().st_size for path in folder.glob("*.safetensors"))
    if missing:
        advice = f"{folder.resolve()} needs {', '.join(needed)}: get the files again."
        return Repository([Check(what, f"lacks {', '.join(missing)}", FAIL, advice)], False)
    row = Check(what, f"folder {folder}, weights of {gigabytes(size)}", figures={"weights": size})
    return Repository([row, _licence(what, _read_card(folder / "README.md"), str(folder))], True)


def check_repository(what: str, name: str, *, revision: str | None, kind: Kind) -> Repository:
    """Ask the hub for a repository, without downloading it.

    what (str): Name of the row.
    name (str): owner/name.
    revision (Optional[str]): Branch, tag or commit.
    kind (str): "model" or "dataset".
    RETURNS (Repository): A model that is in the cache is available without the hub, too.
    """
    from huggingface_hub import HfApi

    from spacy_llama_ner.hub import ask_commit, cached_commit, is_offline

    cached = cached_commit(name, revision) if kind == "model" else None
    if is_offline() and cached is not None:
        return Repository([Check(what, f"{name} at {cached[:12]}, in the cache; offline")], True)
    try:
        commit = ask_commit(name, kind=kind, revision=revision, known=cached)
        info: Any = HfApi().repo_info(name, repo_type=kind, revision=commit, files_metadata=True, timeout=10)
    except Exception as error:  # of several libraries, which hub_errors tells apart
        found = diagnose(error, name=name, revision=revision, kind=kind)
        if cached is not None:
            row = Check(
                what, f"{name} at {cached[:12]}, in the cache", WARN, f"The hub was not asked: {found}."
            )
            return Repository([row], True)
        return Repository([Check(what, _short(error), FAIL, f"{found}.")], False)
    sizes = {
        file.rfilename: file.size or 0
        for file in info.siblings or []
        if any(fnmatch.fnmatch(file.rfilename, pattern) for pattern in _FILES[kind])
    }
    missing = [size for file, size in sizes.items() if not _is_cached(name, file, commit, kind)]
    here = f"{gigabytes(sum(missing))} to download" if missing else "in the cache"
    gate = "gated, access granted; " if info.gated else ""
    figures = {
        "name": name,
        "commit": commit,
        "gated": bool(info.gated),
        "size": sum(sizes.values()),
        "download": sum(missing),
        "files": sorted(sizes),
    }
    checks = [Check(what, f"{name} at {commit[:12]}; {gate}{here}", figures=figures)]
    if kind == "model" and not any(file.endswith(".safetensors") for file in sizes):
        advice = "Weights are read from *.safetensors alone: take another revision, or convert them."
        checks.append(Check(f"{what}'s weights", "no *.safetensors", FAIL, advice))
    card = info.card_data.to_dict() if info.card_data else {}
    return Repository([*checks, _licence(what, card, name)], checks[-1].status == OK, sum(missing))


def _is_cached(name: str, file: str, commit: str, kind: Kind) -> bool:
    from huggingface_hub import try_to_load_from_cache

    return isinstance(try_to_load_from_cache(name, file, revision=commit, repo_type=kind), str)


def _licence(what: str, card: dict[str, Any], name: str) -> Check:
    licence = card.get("license_name") or card.get("license")
    licence = ", ".join(licence) if isinstance(licence, list) else licence
    row = f"{what}'s licence"
    if not licence or licence in ("unknown", "other"):
        found = licence or _NO_LICENCE
        return Check(
            row, found, WARN, f"The card of {name} names none: read the terms before you use or share it."
        )
    advice = ""
    if str(licence).startswith("llama"):
        advice = (
            "Meta's licence holds for mirrors, too: read it, and what it asks of models that you pass on "
            "(https://www.llama.com/llama-downloads)."
        )
    return Check(row, str(licence), OK, advice, {"license": licence})


def _read_card(path: Path) -> dict[str, Any]:
    from huggingface_hub import ModelCard

    try:
        return ModelCard.load(path).data.to_dict() if path.is_file() else {}
    except ValueError:  # no or broken front matter
        return {}


def _short(error: Exception) -> str:
    """RETURNS (str): A word for the table; the advice has the rest."""
    from huggingface_hub import errors

    from spacy_llama_ner.hub_errors import status

    kinds = {
        errors.GatedRepoError: "no access: gated",
        errors.RevisionNotFoundError: "no such revision",
        errors.RepositoryNotFoundError: "no such repository",
    }
    for kind, text in kinds.items():
        if isinstance(error, kind):
            return text
    return f"the hub answered {status(error)}" if status(error) else "the hub cannot be reached"
