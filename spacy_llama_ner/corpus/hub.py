"""Read a data set of CoNLL-2003's shape from the Hugging Face hub.

Rows have `tokens` and `ner_tags`, and perhaps `pos_tags` and `chunk_tags`; tags are strings, or numbers of a
ClassLabel feature that names them. `datasets` runs no code of the data set (version 4 and later cannot).
"""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from spacy_llama_ner.corpus.article import Corpus, CorpusError, Repairs, Sentence, group_articles
from spacy_llama_ner.corpus.conll import DOCSTART
from spacy_llama_ner.corpus.iob_scheme import read_tags
from spacy_llama_ner.hub import ask_commit, is_commit
from spacy_llama_ner.hub_errors import diagnose, is_mistake

logger = logging.getLogger("spacy_llama_ner")

# Its main branch holds a script, which datasets no longer runs; the hub keeps a copy in Parquet here.
DEFAULT_REVISIONS = {"eriktks/conll2003": "refs/convert/parquet"}
_SPLIT_NAMES = {"train": ("train",), "dev": ("validation", "dev", "valid"), "test": ("test",)}
_TAGS = ("ner_tags", "pos_tags", "chunk_tags")


def read_hub(name: str, *, split: str, revision: str | None = None, repair: bool = False) -> Corpus:
    """Download, or take from the cache, one split of a data set.

    name (str): owner/name.
    split (str): train, dev or test; dev is also looked for as validation and valid.
    revision (str | None): Branch, tag or commit; None for what `DEFAULT_REVISIONS` says, or else main.
    repair (bool): Mend illegal tags, see `iob_scheme.read_tags`.
    RETURNS (Corpus): The split. It has articles only if it has -DOCSTART- rows.
    RAISES (CorpusError): If the data set cannot be had, or is of another shape.
    """
    revision = revision or DEFAULT_REVISIONS.get(name)
    splits, commit = _load(name, revision)
    found = next((candidate for candidate in _SPLIT_NAMES[split] if candidate in splits), None)
    if found is None:
        raise CorpusError(
            f"{name}: no split {' or '.join(_SPLIT_NAMES[split])}. The data set has: {', '.join(splits)}."
        )
    corpus = read_rows(splits[found], splits[found].features, place=f"{name} ({found})", repair=repair)
    return replace(corpus, commit=commit)


def read_rows(rows: Iterable[dict[str, Any]], features: Any, *, place: str, repair: bool = False) -> Corpus:
    """Read the rows of a split.

    rows (Iterable[dict[str, Any]]): A `datasets.Dataset`; a row is a sentence. A row without tokens is left
        out.
    features (datasets.Features): Its columns' types.
    place (str): Name of the data set and split, for messages.
    repair (bool): Mend illegal tags.
    RETURNS (Corpus): The split.
    RAISES (CorpusError): If a column is missing or of another type; if a row's columns differ in length; if a
        tag is illegal and `repair` is off; if there is no token.
    """
    for column in ("tokens", "ner_tags"):
        if column not in features:
            raise CorpusError(f"{place}: no column {column!r}. The data set has: {', '.join(features)}.")
    names = {column: _class_names(features, column, place) for column in _TAGS if column in features}
    numbers: list[int] = []
    sentences: list[dict[str, list[str]]] = []
    starts: set[int] = set()  # Indices in sentences before which an article begins.
    for number, row in enumerate(rows):
        if row["tokens"] and row["tokens"][0] == DOCSTART:
            starts.add(len(sentences))
        elif row["tokens"]:
            numbers.append(number)
            sentences.append(_read_row(row, names, place=f"{place}, row {number}"))
    if not sentences:
        raise CorpusError(f"{place}: no token in the split. Expected sentences in tokens and ner_tags.")
    repairs = Repairs()
    tags = read_tags(
        [sentence["ner_tags"] for sentence in sentences],
        place=lambda sentence, token: f"{place}, row {numbers[sentence]}, token {token}",
        repair=repair,
        repairs=repairs,
    )
    items: list[Sentence | None] = []
    for i, sentence in enumerate(sentences):
        if i in starts:
            items.append(None)
        pos, chunk = (tuple(sentence[x]) if x in sentence else None for x in ("pos_tags", "chunk_tags"))
        items.append(Sentence(tuple(sentence["tokens"]), tags[i], pos, chunk))
    return Corpus(group_articles(items), has_articles=bool(starts), repairs=repairs.report())


def _read_row(row: dict[str, Any], names: dict[str, list[str] | None], *, place: str) -> dict[str, list[str]]:
    """RETURNS (dict[str, list[str]]): The tokens, and the tags of each column in `names` as strings."""
    words = row["tokens"]
    if not all(words):
        raise CorpusError(f"{place}: an empty token. Mend the data set.")
    read = {"tokens": words}
    for column, classes in names.items():
        if len(row[column]) != len(words):
            raise CorpusError(
                f"{place}: {len(row[column])} {column} for {len(words)} tokens. Expected as many."
            )
        read[column] = list(_decode(row[column], classes))
    return read


def _load(name: str, revision: str | None) -> tuple[Any, str | None]:
    """RETURNS (tuple[datasets.DatasetDict, str | None]): The data set's splits; their commit, if it is known."""
    try:
        import datasets
    except ImportError as e:
        raise CorpusError(
            f"{name}: reading from the hub needs the package datasets. Install it with "
            f"`pip install 'spacy-llama-ner[project]'`."
        ) from e
    if datasets.config.HF_HUB_OFFLINE:
        return _load_cached(name, revision)
    try:
        asked = ask_commit(name, kind="dataset", revision=revision)
    except Exception as e:  # huggingface_hub's, and its client's
        try:
            if is_mistake(e):
                raise
            splits, commit = _load_cached(name, revision)
        except Exception:
            raise CorpusError(_cannot_load(name, revision, e)) from e
        why = diagnose(e, name=name, revision=revision, kind="dataset").reason
        logger.warning(
            "%s; taking the data set %r from the cache, at commit %s", why, name, commit or "unknown"
        )
        return splits, commit
    try:
        splits = datasets.load_dataset(name, revision=asked)
    except Exception as e:  # datasets has many kinds of its own beside those of its clients
        raise CorpusError(_cannot_load(name, revision, e)) from e
    commit = _commit(splits)
    if commit != asked:  # datasets turns to its cache when the hub fails later on, whatever revision that has
        logger.warning(
            "the hub has the data set %r at commit %s, but what it sent was no use; this is the one in the cache, at "
            "commit %s",
            name,
            asked,
            commit or "unknown",
        )
    return splits, commit


def _load_cached(name: str, revision: str | None) -> tuple[Any, str | None]:
    """Load without a request. `datasets` takes the latest copy in its cache, whatever its revision."""
    import datasets

    before, datasets.config.HF_HUB_OFFLINE = datasets.config.HF_HUB_OFFLINE, True
    try:
        splits = datasets.load_dataset(name, revision=revision)
    except Exception as e:
        raise CorpusError(_cannot_load(name, revision, e)) from e
    finally:
        datasets.config.HF_HUB_OFFLINE = before
    commit = _commit(splits)
    if is_commit(revision) and commit != revision:
        raise CorpusError(
            f"{name}: the cache has commit {commit or 'unknown'}, expected {revision}. Run it once with a connection "
            "and without HF_HUB_OFFLINE, or ask for another revision."
        )
    return splits, commit


def _commit(splits: Any) -> str | None:
    """RETURNS (str | None): The commit of a data set, after which `datasets` names the folder in its cache."""
    folders = {Path(file["filename"]).parent.name for split in splits.values() for file in split.cache_files}
    name = folders.pop() if len(folders) == 1 else None
    return name if is_commit(name) else None


def _cannot_load(name: str, revision: str | None, error: Exception) -> str:
    at = f" at revision {revision!r}" if revision else ""
    return f"{name}: cannot get the data set{at}: {diagnose(error, name=name, revision=revision, kind='dataset')}."


def _class_names(features: Any, column: str, place: str) -> list[str] | None:
    """RETURNS (list[str] | None): The names of a column's classes; None if it holds strings."""
    value = getattr(features[column], "feature", None)
    names = getattr(value, "names", None)
    if names is None and getattr(value, "dtype", None) != "string":
        raise CorpusError(
            f"{place}: the column {column!r} does not say which tags it holds: it is {features[column]!r}. "
            f"Expected a list of strings, or of a ClassLabel with names."
        )
    return names


def _decode(values: Iterable[Any], names: list[str] | None) -> Iterator[str]:
    """YIELDS (str): The tags; a number out of range as it is, which no tag looks like."""
    for value in values:
        if names is None:
            yield str(value)
        else:
            yield names[value] if 0 <= value < len(names) else str(value)
