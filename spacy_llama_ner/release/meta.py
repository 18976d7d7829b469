"""What a packaged pipeline says about itself: its meta.json."""

import json
import re
from pathlib import Path
from typing import Any

TEXT_KEYS = ("description", "author", "email", "url", "license", "limits", "corpus")
CORPUS_ROLE = "corpus"


def read_about(path: Path | None) -> dict[str, Any]:
    """Read a pipeline's description, licence and sources.

    path (Path | None): A JSON file with any of the texts `description`, `author`, `email`, `url`, `license`,
        `limits`, a `dataset` with `name` and `type`, and a list `sources` of `{name, url, author, license}`;
        sources with `"role": "corpus"`, licence and limits hold for the source of training text in `corpus`.
    RETURNS (dict): The file's content; empty without a file.
    RAISES (ValueError): If the file has other keys or other types.
    """
    about = {} if path is None else _read_object(path)
    for key, value in about.items():
        if key == "sources":
            _check_sources(value, path)
        elif key == "dataset":
            if not _is_text_map(value) or set(value) != {"name", "type"}:
                raise ValueError(f'{path}: "dataset" must be {{"name": …, "type": …}}, got {value!r}.')
        elif key not in TEXT_KEYS:
            raise ValueError(
                f"{path}: unknown key {key!r}; expected {', '.join(TEXT_KEYS)}, dataset or sources."
            )
        elif not isinstance(value, str):
            raise ValueError(f'{path}: "{key}" must be a text, got {value!r}.')
    return about


def with_corpus(about: dict[str, Any], report: Path | None) -> dict[str, Any]:
    """Correct a description for the corpus that the pipeline was really trained on.

    about (dict): What `read_about` returned.
    report (Path | None): The JSON file that `convert` wrote beside the training corpus.
    RETURNS (dict): The same if the corpus is the one it speaks of, or if nothing is known; else without what it
        says of that corpus, and without author, description and licence, which are for whoever trained it.
    RAISES (ValueError): If the file is no such report.
    """
    if report is None or "corpus" not in about:
        return about
    source = _read_object(report).get("source")
    if not isinstance(source, str):
        raise ValueError(f'{report} has no "source": expected a file written by `convert`.')
    if source == about["corpus"]:
        return about
    name = Path(source).name  # a path would tell of this machine
    kept = [entry for entry in about.get("sources", []) if entry.get("role") != CORPUS_ROLE]
    return {
        **{
            key: value
            for key, value in about.items()
            if key not in ("author", "description", "license", "limits")
        },
        "sources": [*kept, {"name": f"{name} (training corpus)", "license": "not stated"}],
        "dataset": {"name": name, "type": name},
        "limits": "Trained on a corpus of the user's own; nothing is known of it here. Its licence, and those of "
        "the sources above, hold for this pipeline too.",
    }


def read_metrics(path: Path | None) -> dict[str, Any]:
    """Read the JSON file that `evaluate` wrote.

    path (Path | None): The file.
    RETURNS (dict): Its content; empty without a file.
    RAISES (ValueError): If it is no such file.
    """
    metrics = {} if path is None else _read_object(path)
    missing = {"seqeval", "spacy", "counts"} - set(metrics)
    if path is not None and missing:
        raise ValueError(
            f"{path} has no {', '.join(sorted(missing))}: expected a file written by `evaluate`."
        )
    return metrics


def release_meta(
    meta: dict[str, Any], *, name: str, version: str, about: dict[str, Any], metrics: dict[str, Any]
) -> dict[str, Any]:
    """Complete a trained pipeline's meta for its release.

    meta (dict): The trained pipeline's meta.json; its labels are kept.
    name (str): Package name, with or without the language in front.
    version (str): Package version, as PEP 440 has it.
    about (dict): What `read_about` returned.
    metrics (dict): What `read_metrics` returned; the scores of training are dropped in any case, being dev
        scores.
    RETURNS (dict): A new meta.
    RAISES (ValueError): If name or version cannot be a package's.
    """
    # spaCy's setup.py puts the language in front by itself; a name that has it already would get it twice.
    name = name.removeprefix(f"{meta['lang']}_")
    if not re.fullmatch(r"[A-Za-z0-9]+(_[A-Za-z0-9]+)*", name):
        raise ValueError(
            f"{name!r} cannot be a package's name: use ASCII letters, digits and single underscores."
        )
    if not re.fullmatch(r"\d+(\.\d+)*((a|b|rc)\d+)?(\.post\d+)?(\.dev\d+)?", version):
        raise ValueError(f"{version!r} is not a version: expected one like 0.1.0 or 1.0rc1 (PEP 440).")
    described = {key: about[key] for key in (*TEXT_KEYS, "sources") if key in about}
    for key in ("limits", "corpus"):
        described.pop(key, None)
    return {**meta, **described, "name": name, "version": version, "performance": performance(metrics)}


def performance(metrics: dict[str, Any]) -> dict[str, Any]:
    """Turn an evaluation into the `performance` of a meta.json, under spaCy's names.

    metrics (dict): What `read_metrics` returned.
    RETURNS (dict): `ents_f`, `ents_p`, `ents_r`, `ents_token_acc`, `ents_per_type` as fractions, and `speed`
        in words per second. `ents_token_acc` is ours: spaCy's `token_acc` is about tokenization and `tag_acc`
        about parts of speech.
    """
    if not metrics:
        return {}
    result = {key: metrics["spacy"][key] for key in ("ents_f", "ents_p", "ents_r")}
    result["ents_token_acc"] = metrics["seqeval"]["accuracy"]
    result["ents_per_type"] = metrics["spacy"]["ents_per_type"]
    if "words_per_second" in metrics:
        result["speed"] = metrics["words_per_second"]
    return result


def _read_object(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf8"))
    except ValueError as e:
        raise ValueError(f"{path} is not valid JSON: {e}.") from e
    if not isinstance(content, dict):
        raise ValueError(f"{path} must hold a JSON object, got {type(content).__name__}.")
    return content


def _check_sources(sources: Any, path: Path | None) -> None:
    if not isinstance(sources, list):
        raise ValueError(f'{path}: "sources" must be a list, got {sources!r}.')
    for source in sources:
        if not _is_text_map(source) or not source.get("name"):
            raise ValueError(f'{path}: each of "sources" needs a "name" and texts as values, got {source!r}.')


def _is_text_map(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(text, str) for text in value.values())
