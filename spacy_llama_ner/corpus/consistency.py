"""Find what an annotator may have marked in two ways: forms of several labels, and forms left unmarked elsewhere.

A form is the exact sequence of an entity's tokens, upper and lower case told apart.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from spacy_llama_ner.corpus.placed import PlacedSentence


@dataclass(frozen=True, slots=True)
class AmbiguousForm:
    """A form that is annotated with more than one label.

    form (str): Its tokens with single spaces between them.
    counts (dict[str, int]): How often it has each label, the most frequent first.
    places (dict[str, str]): Where it has each label first.
    """

    form: str
    counts: dict[str, int]
    places: dict[str, str]


@dataclass(frozen=True, slots=True)
class UnmarkedForm:
    """A form that is annotated in some places and not in others.

    form (str): Its tokens with single spaces between them.
    counts (dict[str, int]): How often it has each label.
    places (tuple[str, ...]): Where none of its tokens is annotated.
    """

    form: str
    counts: dict[str, int]
    places: tuple[str, ...]


def ambiguous_forms(sentences: Iterable[PlacedSentence]) -> list[AmbiguousForm]:
    """Find the forms that are annotated with more than one label.

    sentences (Iterable[PlacedSentence]): A corpus.
    RETURNS (list[AmbiguousForm]): Sorted by form.
    """
    places: dict[str, dict[str, str]] = defaultdict(dict)
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for sentence in sentences:
        for form, label, place in sentence.entities():
            counts[form][label] += 1
            places[form].setdefault(label, place)
    return [
        AmbiguousForm(form, dict(counts[form].most_common()), places[form])
        for form in sorted(counts)
        if len(counts[form]) > 1
    ]


def unmarked_forms(sentences: Sequence[PlacedSentence]) -> list[UnmarkedForm]:
    """Find where an annotator has perhaps missed an entity.

    sentences (Sequence[PlacedSentence]): A corpus.
    RETURNS (list[UnmarkedForm]): The forms that are annotated twice or more, with whatever labels, and occur
        elsewhere with no token annotated; sorted by form. A form counts if a token of more than one character has
        a capital letter. Of overlapping places the longest form counts, then the one on the left.
    """
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for sentence in sentences:
        for form, label, _ in sentence.entities():
            counts[form][label] += 1
    wanted = {
        tuple(form.split(" ")): form
        for form, labels in counts.items()
        if labels.total() >= 2 and _is_capitalised(form)
    }
    places: dict[str, list[str]] = defaultdict(list)
    for sentence in sentences:
        for start, form in _unmarked(sentence, wanted):
            places[form].append(sentence.place(start))
    return [
        UnmarkedForm(form, dict(counts[form].most_common()), tuple(places[form])) for form in sorted(places)
    ]


def _is_capitalised(form: str) -> bool:
    return any(len(token) > 1 and token != token.lower() for token in form.split(" "))


def _unmarked(sentence: PlacedSentence, wanted: Mapping[tuple[str, ...], str]) -> Iterator[tuple[int, str]]:
    """YIELDS (tuple[int, str]): First token and form of each, the longest first."""
    words, tags = sentence.sentence.words, sentence.sentence.tags
    free = [tag == "O" for tag in tags]
    for length in sorted({len(form) for form in wanted}, reverse=True):
        for start in range(len(words) - length + 1):
            form = wanted.get(words[start : start + length])
            if form is not None and all(free[start : start + length]):
                free[start : start + length] = [False] * length
                yield start, form
