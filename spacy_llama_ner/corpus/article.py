"""What every source is read into: a corpus of articles of sentences of tagged words."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from spacy_llama_ner.corpus.tagging import iob2_spans


class CorpusError(ValueError):
    """A corpus that cannot be read or written: where, what came, what was expected, how to mend it."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence.

    words (tuple[str, ...]): The tokens, none empty.
    tags (tuple[str, ...]): One IOB2 tag a word: O, B-PER, I-PER.
    pos (tuple[str, ...] | None): One part-of-speech tag a word, "_" where unknown; None without that column.
    chunk (tuple[str, ...] | None): One chunk tag a word, as the source wrote it; None without that column.
    """

    words: tuple[str, ...]
    tags: tuple[str, ...]
    pos: tuple[str, ...] | None = None
    chunk: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Article:
    """One article, never without a sentence."""

    sentences: tuple[Sentence, ...]


@dataclass(frozen=True, slots=True)
class Repair:
    """One kind of repair that was made: what was done, how often, and where first."""

    kind: str
    count: int
    first: str


@dataclass
class Repairs:
    """Count the repairs of one source by kind, in the order in which the kinds first appear."""

    counts: Counter[str] = field(default_factory=Counter)
    firsts: dict[str, str] = field(default_factory=dict)

    def add(self, kind: str, place: str) -> None:
        """Count one repair.

        kind (str): What was done, e.g. "illegal tag replaced by O".
        place (str): Where, e.g. "train.txt:12".
        """
        self.counts[kind] += 1
        self.firsts.setdefault(kind, place)

    def report(self) -> tuple[Repair, ...]:
        """RETURNS (tuple[Repair, ...]): The kinds, first seen first; empty if nothing was repaired."""
        return tuple(Repair(kind, count, self.firsts[kind]) for kind, count in self.counts.items())


@dataclass(frozen=True, slots=True)
class CorpusCounts:
    """How much a corpus holds.

    articles (int | None): None if the source does not say where its articles begin.
    labels (dict[str, int]): Entities by label, sorted by label.
    """

    articles: int | None
    sentences: int
    tokens: int
    entities: int
    labels: dict[str, int]


@dataclass(frozen=True, slots=True)
class Corpus:
    """One split of one source.

    articles (tuple[Article, ...]): A source without article boundaries is one article.
    has_articles (bool): Whether the source says where its articles begin.
    repairs (tuple[Repair, ...]): What was repaired while reading.
    commit (str | None): The commit of a hub data set, if it is known.
    """

    articles: tuple[Article, ...]
    has_articles: bool
    repairs: tuple[Repair, ...] = ()
    commit: str | None = None

    @property
    def sentences(self) -> Iterator[Sentence]:
        """All sentences, in the order of the source."""
        return (sentence for article in self.articles for sentence in article.sentences)

    def count(self) -> CorpusCounts:
        """RETURNS (CorpusCounts): Its articles, sentences, tokens and entities."""
        labels: Counter[str] = Counter()
        sentences = tokens = 0
        for sentence in self.sentences:
            sentences += 1
            tokens += len(sentence.words)
            labels.update(label for _, _, label in iob2_spans(sentence.tags))
        return CorpusCounts(
            articles=len(self.articles) if self.has_articles else None,
            sentences=sentences,
            tokens=tokens,
            entities=labels.total(),
            labels=dict(sorted(labels.items())),
        )


def group_articles(items: Iterable[Sentence | None]) -> tuple[Article, ...]:
    """Group sentences into articles.

    items (Iterable[Sentence | None]): Sentences; None where an article begins. Two boundaries in a row make
        no empty article: it would hold nothing to learn from and nothing to find.
    RETURNS (tuple[Article, ...]): The articles.
    """
    articles: list[Article] = []
    sentences: list[Sentence] = []
    for item in items:
        if item is not None:
            sentences.append(item)
        elif sentences:
            articles.append(Article(tuple(sentences)))
            sentences = []
    if sentences:
        articles.append(Article(tuple(sentences)))
    return tuple(articles)
