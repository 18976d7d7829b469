"""Build the CoNLL files of a corpus that is kept as markup, one file an article."""

import json
import re
from collections.abc import Collection, Sequence
from pathlib import Path

from spacy_llama_ner.corpus.article import Corpus, CorpusError
from spacy_llama_ner.corpus.markup import LABELS, read_markup

SPLITS = ("train", "dev", "test")
_NAME = re.compile(r"[0-9]{3}-[a-z0-9]+(-[a-z0-9]+)*")


def read_markup_corpus(folder: Path, *, labels: Sequence[str] = LABELS) -> dict[str, Corpus]:
    """Read a folder of markup.

    folder (Path): Holds `articles/NNN-slug.txt` and `splits.json`, which names the articles of dev and test:
        {"dev": ["012-slug"], "test": ["034-slug"]}. The rest is train.
    labels (Sequence[str]): The labels that entities may have.
    RETURNS (dict[str, Corpus]): train, dev and test, each in the order of the file names.
    RAISES (CorpusError): If an article or the file of splits is malformed, or a split is empty.
    """
    paths = find_articles(folder)
    split_of = read_splits(folder / "splits.json", paths)
    corpora = {}
    for split in SPLITS:
        names = [name for name in paths if split_of.get(name, "train") == split]
        if not names:
            raise CorpusError(f"{folder}: the split {split} has no article. Add one, or change splits.json.")
        articles = tuple(read_markup(paths[name], labels=labels) for name in names)
        corpora[split] = Corpus(articles, has_articles=True)
    return corpora


def find_articles(folder: Path) -> dict[str, Path]:
    """Find the articles of a folder of markup.

    folder (Path): Holds `articles/NNN-slug.txt`.
    RETURNS (dict[str, Path]): Files by article name, in the order of the names.
    RAISES (CorpusError): If there is none, or one is named otherwise.
    """
    paths = {path.stem: path for path in sorted((folder / "articles").glob("*.txt"))}
    if not paths:
        raise CorpusError(f"{folder / 'articles'}: no article. Expected files named like 001-some-topic.txt.")
    for name, path in paths.items():
        if not _NAME.fullmatch(name):
            raise CorpusError(
                f"{path}: unexpected file name. Expected three digits and a slug: 001-topic.txt."
            )
    return paths


def read_splits(path: Path, names: Collection[str]) -> dict[str, str]:
    """Read which articles are dev and test.

    path (Path): JSON: {"dev": ["012-slug"], "test": ["034-slug"]}.
    names (Collection[str]): The articles that there are.
    RETURNS (dict[str, str]): dev or test by article name; articles that it does not name are train.
    RAISES (CorpusError): If the file is malformed, or names an article twice or one that is not there.
    """
    form = 'Expected {"dev": ["012-slug"], "test": ["034-slug"]}.'
    if not path.is_file():
        raise CorpusError(f"{path}: no such file. {form}")
    try:
        splits = json.loads(path.read_bytes())
    except ValueError as e:
        raise CorpusError(f"{path}: not JSON: {e}. {form}") from e
    if not isinstance(splits, dict) or set(splits) != {"dev", "test"}:
        raise CorpusError(f"{path}: other keys than dev and test. {form}")
    split_of: dict[str, str] = {}
    for split, members in splits.items():
        if not isinstance(members, list):
            raise CorpusError(f"{path}: {split} is not a list. {form}")
        for name in members:
            if not isinstance(name, str) or name not in names:
                raise CorpusError(f"{path}: {split} names {name!r}, which is no article. Mend the name.")
            if name in split_of:
                raise CorpusError(f"{path}: {name!r} is in {split_of[name]} and in {split}. Remove one.")
            split_of[name] = split
    return split_of
