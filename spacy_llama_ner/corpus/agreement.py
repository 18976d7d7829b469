"""Compare two annotations of the same tokens: shares, Cohen's kappa, F1, and where they differ."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from spacy_llama_ner.corpus.article import Sentence
from spacy_llama_ner.corpus.markup import format_sentence
from spacy_llama_ner.corpus.placed import PlacedSentence
from spacy_llama_ner.corpus.tagging import iob2_spans

# The same sentence in the first and in the second annotation.
Pair = tuple[PlacedSentence, PlacedSentence]


@dataclass(frozen=True, slots=True)
class EntityAgreement:
    """How far two annotations agree on entities of one label, or of all.

    first (int): Entities of the first annotation.
    second (int): Entities of the second.
    both (int): Those of both: equal first token, last token and label.
    """

    first: int
    second: int
    both: int

    @property
    def f1(self) -> float | None:
        """F1 from 0 to 1, the same whichever annotation is the standard; None without any entity."""
        total = self.first + self.second
        return 2 * self.both / total if total else None


@dataclass(frozen=True, slots=True)
class Disagreement:
    """Where two annotations differ: place, and the tokens in question in the markup of both."""

    place: str
    first: str
    second: str


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far two annotations agree.

    sentences (int): Sentences compared.
    tokens (int): Tokens compared.
    same_tags (float): The share of tokens with the same IOB2 tag, from 0 to 1.
    kappa (float | None): Cohen's kappa over the tags, see `cohens_kappa`.
    entities (EntityAgreement): Over all labels.
    labels (dict[str, EntityAgreement]): By label, sorted.
    disagreements (tuple[Disagreement, ...]): All of them, in the order of the sentences.
    """

    sentences: int
    tokens: int
    same_tags: float
    kappa: float | None
    entities: EntityAgreement
    labels: dict[str, EntityAgreement]
    disagreements: tuple[Disagreement, ...]


def compare(pairs: Sequence[Pair]) -> Agreement:
    """Compare two annotations.

    pairs (Sequence[Pair]): Each sentence in both annotations, equal tokens, one sentence at least.
    RETURNS (Agreement): How far they agree.
    """
    tags = [tags for a, b in pairs for tags in zip(a.sentence.tags, b.sentence.tags, strict=True)]
    first, second, both = Counter[str](), Counter[str](), Counter[str]()
    for a, b in pairs:
        ours, theirs = set(iob2_spans(a.sentence.tags)), set(iob2_spans(b.sentence.tags))
        for counter, spans in ((first, ours), (second, theirs), (both, ours & theirs)):
            counter.update(label for _, _, label in spans)
    return Agreement(
        sentences=len(pairs),
        tokens=len(tags),
        same_tags=sum(a == b for a, b in tags) / len(tags),
        kappa=cohens_kappa(tags),
        entities=EntityAgreement(first.total(), second.total(), both.total()),
        labels={x: EntityAgreement(first[x], second[x], both[x]) for x in sorted(first | second)},
        disagreements=tuple(found for pair in pairs for found in _disagreements(*pair)),
    )


def cohens_kappa(tags: Sequence[tuple[str, str]]) -> float | None:
    """Compute the agreement beyond chance: (observed - expected) / (1 - expected).

    tags (Sequence[tuple[str, str]]): The two annotations' tags of each token, one token at least.
    RETURNS (float | None): 1 where they agree throughout, 0 where they agree as often as chance would; None if
        both have one and the same tag throughout: chance agrees then as well, and kappa is 0 / 0.
    Source: Cohen (1960), A Coefficient of Agreement for Nominal Scales.
    """
    total = len(tags)
    first, second = Counter(a for a, _ in tags), Counter(b for _, b in tags)
    observed = sum(a == b for a, b in tags)
    # Whole numbers until the end: total ** 2 times the expected share.
    expected = sum(first[tag] * second[tag] for tag in first)
    if expected == total**2:
        return None
    return (observed * total - expected) / (total**2 - expected)


def _disagreements(first: PlacedSentence, second: PlacedSentence) -> Iterator[Disagreement]:
    """YIELDS (Disagreement): Each run of overlapping entities that are not in both."""
    ours, theirs = set(iob2_spans(first.sentence.tags)), set(iob2_spans(second.sentence.tags))
    runs: list[tuple[int, int]] = []
    for start, end, _ in sorted(ours ^ theirs):
        if runs and start < runs[-1][1]:
            runs[-1] = (runs[-1][0], max(end, runs[-1][1]))
        else:
            runs.append((start, end))
    for start, end in runs:
        yield Disagreement(
            first.place(start), _slice(first.sentence, start, end), _slice(second.sentence, start, end)
        )


def _slice(sentence: Sentence, start: int, end: int) -> str:
    return format_sentence(Sentence(sentence.words[start:end], sentence.tags[start:end]))
