"""How many of the names of dev and test a model has already seen in train.

A name is an entity's form (exact tokens) with its label: Leeds as LOC in train shares nothing with Leeds as ORG.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from spacy_llama_ner.corpus.article import Sentence
from spacy_llama_ner.corpus.tagging import iob2_spans

ALL = "all"
Name = tuple[str, str]


@dataclass(frozen=True, slots=True)
class SharedNames:
    """How many names of one label a split shares with train.

    names (int): Distinct names.
    shared_names (int): Those of them that train has too.
    mentions (int): Entities.
    shared_mentions (int): Those of them whose name train has too.
    """

    names: int
    shared_names: int
    mentions: int
    shared_mentions: int


def count_names(sentences: Iterable[Sentence]) -> Counter[Name]:
    """Count the names of some sentences.

    sentences (Iterable[Sentence]): The sentences.
    RETURNS (Counter[Name]): How often each form with its label occurs.
    """
    return Counter(
        (" ".join(sentence.words[start:end]), label)
        for sentence in sentences
        for start, end, label in iob2_spans(sentence.tags)
    )


def shared_names(split: Counter[Name], train: Counter[Name]) -> dict[str, SharedNames]:
    """Compare the names of a split with those of train.

    split (Counter[Name]): The names of dev or test.
    train (Counter[Name]): The names of train.
    RETURNS (dict[str, SharedNames]): By label, sorted, and "all" for all labels together.
    """
    labels = sorted({label for _, label in split})
    of_label = {label: {name: n for name, n in split.items() if name[1] == label} for label in labels}
    return {label: _compare(names, train) for label, names in {**of_label, ALL: dict(split)}.items()}


def _compare(names: dict[Name, int], train: Counter[Name]) -> SharedNames:
    shared = [n for name, n in names.items() if name in train]
    return SharedNames(len(names), len(shared), sum(names.values()), sum(shared))
