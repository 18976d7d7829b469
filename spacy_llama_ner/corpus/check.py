"""Check a corpus: what is malformed, what is annotated in two ways, what its splits hold, how annotators agree."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from spacy_llama_ner.corpus import explanations, second
from spacy_llama_ner.corpus.agreement import Agreement, Pair, compare
from spacy_llama_ner.corpus.article import CorpusCounts
from spacy_llama_ner.corpus.consistency import AmbiguousForm, UnmarkedForm, ambiguous_forms, unmarked_forms
from spacy_llama_ner.corpus.markup import LABELS
from spacy_llama_ner.corpus.placed import read_placed_corpus
from spacy_llama_ner.corpus.shared_names import SharedNames, count_names, shared_names


@dataclass(frozen=True, slots=True)
class CorpusCheck:
    """What a check found. Places are relative to the corpus' folder, problems name whole paths.

    counts (dict[str, CorpusCounts]): What each split holds.
    shared (dict[str, dict[str, SharedNames]]): For dev and test by label: the names that train has too.
    agreement (Agreement | None): None without a second annotation.
    agreement_articles (int): How many articles have a second annotation.
    ambiguous (tuple[AmbiguousForm, ...]): Forms of several labels.
    unmarked (tuple[UnmarkedForm, ...]): Forms that are left unmarked elsewhere.
    explain (bool): Whether such forms must be explained.
    why_ambiguous (dict[str, str]): Explanations of such forms.
    why_unmarked (dict[str, str]): Explanations of such forms.
    problems (tuple[str, ...]): What is wrong and how to mend it; empty if the corpus is in order.
    """

    counts: dict[str, CorpusCounts]
    shared: dict[str, dict[str, SharedNames]]
    agreement: Agreement | None
    agreement_articles: int
    ambiguous: tuple[AmbiguousForm, ...]
    unmarked: tuple[UnmarkedForm, ...]
    explain: bool
    why_ambiguous: dict[str, str]
    why_unmarked: dict[str, str]
    problems: tuple[str, ...]


def check_corpus(folder: Path, *, labels: Sequence[str] = LABELS) -> CorpusCheck:
    """Check a folder of markup, or of CoNLL files.

    folder (Path): See `placed.read_placed_corpus`; of CoNLL files, `ambiguous.json` may be absent, and then forms
        need no explanation.
    labels (Sequence[str]): The labels that entities of markup may have.
    RETURNS (CorpusCheck): What was found.
    RAISES (CorpusError): If a file is missing, or so malformed that the rest cannot be read.
    """
    corpus = read_placed_corpus(folder, labels=labels)
    problems = list(corpus.problems)
    sentences = list(corpus.all_sentences)
    ambiguous, unmarked = ambiguous_forms(sentences), unmarked_forms(sentences)
    path = folder / explanations.NAME
    why = explanations.read_explanations(path)
    explain = corpus.is_markup or path.is_file()
    if explain:
        problems += _unexplained_labels(path, ambiguous, why.labels)
        problems += _unexplained_places(path, unmarked, why.unmarked)
        problems += _needless(
            path, "labels", why.labels, {x.form for x in ambiguous}, "has one label at most"
        )
        problems += _needless(
            path, "unmarked", why.unmarked, {x.form for x in unmarked}, "is not found unmarked"
        )
    articles: list[list[Pair]] = []
    if corpus.is_markup:
        articles, found = second.read_second(folder, sentences, labels=labels)
        problems += found
    names = {split: count_names(x.sentences) for split, x in corpus.corpora.items()}
    return CorpusCheck(
        counts={split: x.count() for split, x in corpus.corpora.items()},
        shared={split: shared_names(names[split], names["train"]) for split in ("dev", "test")},
        agreement=compare([pair for article in articles for pair in article]) if articles else None,
        agreement_articles=len(articles),
        ambiguous=tuple(ambiguous),
        unmarked=tuple(unmarked),
        explain=explain,
        why_ambiguous=why.labels,
        why_unmarked=why.unmarked,
        problems=tuple(problems),
    )


def _unexplained_labels(path: Path, forms: Iterable[AmbiguousForm], why: Mapping[str, str]) -> list[str]:
    return [
        f"{path}: labels: {x.form!r} is not explained: "
        + ", ".join(f"{label} {count} ({x.places[label]})" for label, count in x.counts.items())
        + ". Explain it, or mend the annotation."
        for x in forms
        if x.form not in why
    ]


def _unexplained_places(path: Path, forms: Iterable[UnmarkedForm], why: Mapping[str, str]) -> list[str]:
    return [
        f"{path}: unmarked: {x.form!r} is not explained: "
        + ", ".join(f"{label} {count}" for label, count in x.counts.items())
        + f", but unmarked at {', '.join(x.places)}. Explain it, or mend the annotation."
        for x in forms
        if x.form not in why
    ]


def _needless(path: Path, key: str, why: Mapping[str, str], forms: set[str], fact: str) -> list[str]:
    return [
        f"{path}: {key}: {form!r} {fact} in the corpus. Remove the explanation."
        for form in why
        if form not in forms
    ]
