"""Choose which articles are dev and test: of many random choices the one with the best score.

Sizes come first, by construction: in a random order each article goes to dev if it brings dev nearer to the wanted
number of sentences; then, of the others in the same order, each to test likewise; the rest is train. Of all choices
drawn the one with the lowest score is taken, the first of several. The score is balance + shared, both in points of
percent, from 0 to 100:

- balance: the largest difference between a label's share of the entities of a split and its share of those of the
  whole corpus, over all labels and all three splits. No split should be easier because it has other entities.
- shared: the share of the PER and ORG entities of dev and test together whose name (form and label) train has too.
  Names learned by heart should count for little.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from spacy_llama_ner.corpus.article import Article, CorpusError
from spacy_llama_ner.corpus.build import SPLITS
from spacy_llama_ner.corpus.shared_names import count_names

DRAWS = 5000
MIN_ARTICLES = 10
_NAMED = ("PER", "ORG")
_CODE = {split: code for code, split in enumerate(SPLITS)}


@dataclass(frozen=True, slots=True)
class ChosenSplits:
    """The best choice, and what it was judged by.

    splits (dict[str, list[str]]): Articles of dev and of test, sorted: what splits.json holds.
    balance (float): See above, in points.
    shared (float): See above, in points.
    draws (int): How many choices there were.
    """

    splits: dict[str, list[str]]
    balance: float
    shared: float
    draws: int


def choose_splits(
    articles: Mapping[str, Article],
    *,
    seed: int,
    dev: float = 0.1,
    test: float = 0.1,
    draws: int = DRAWS,
) -> ChosenSplits:
    """Choose dev and test.

    articles (Mapping[str, Article]): By name.
    seed (int): The same seed, articles and shares make the same choice.
    dev (float): The share of the sentences that dev should have, between 0 and 1.
    test (float): The same of test.
    draws (int): How many choices to draw.
    RETURNS (ChosenSplits): The best of them.
    RAISES (CorpusError): If there are fewer than 10 articles, the shares leave nothing for train, or no choice
        drawn has an article in each split.
    """
    if len(articles) < MIN_ARTICLES:
        raise CorpusError(
            f"{len(articles)} articles are too few to split: expected {MIN_ARTICLES} at least. Add articles."
        )
    if not (dev > 0 and test > 0 and dev + test < 1):
        raise CorpusError(
            f"The shares {dev} of dev and {test} of test leave no share for each split. Expected both above 0 and "
            "their sum below 1."
        )
    names = sorted(articles)
    sizes = [len(articles[name].sentences) for name in names]
    wanted = {"dev": dev * sum(sizes), "test": test * sum(sizes)}
    generator = random.Random(seed)
    drawn = [choice for _ in range(draws) if (choice := _draw(sizes, wanted, generator)) is not None]
    if not drawn:
        raise CorpusError(
            f"No choice of {draws} has an article in each split: dev should have {wanted['dev']:.1f} sentences and "
            f"test {wanted['test']:.1f}, the shortest article has {min(sizes)}. Ask for larger shares."
        )
    choices = np.array(drawn)
    ordered = [articles[name] for name in names]
    balance, shared = _balance(ordered, choices), _shared(ordered, choices)
    best = int(np.argmin(balance + shared))
    return ChosenSplits(
        splits={
            split: [name for name, code in zip(names, choices[best], strict=True) if code == _CODE[split]]
            for split in wanted
        },
        balance=float(balance[best]),
        shared=float(shared[best]),
        draws=draws,
    )


def _draw(sizes: Sequence[int], wanted: Mapping[str, float], generator: random.Random) -> list[int] | None:
    """RETURNS (list[int] | None): The code of each article's split; None if a split has no article."""
    order = list(range(len(sizes)))
    generator.shuffle(order)
    codes = [_CODE["train"]] * len(sizes)
    for split, target in wanted.items():
        left = target
        for article in order:
            if codes[article] == _CODE["train"] and abs(left - sizes[article]) < abs(left):
                codes[article] = _CODE[split]
                left -= sizes[article]
    return codes if set(codes) == set(_CODE.values()) else None


def _balance(articles: Sequence[Article], choices: np.ndarray) -> np.ndarray:
    """RETURNS (ndarray): Float64, shape (choices,): the balance of each choice in points."""
    counts = [count_names(article.sentences) for article in articles]
    labels = sorted({label for names in counts for _, label in names})
    table = np.array(
        [[sum(n for (_, x), n in names.items() if x == label) for label in labels] for names in counts],
        dtype=np.float64,
    )  # (articles, labels)
    if not labels:
        return np.zeros(len(choices))
    whole = _shares(table.sum(0))
    differences = [np.abs(_shares((choices == code) @ table) - whole).max(1) for code in _CODE.values()]
    return 100 * np.max(differences, axis=0)


def _shares(counts: np.ndarray) -> np.ndarray:
    """RETURNS (ndarray): Counts divided by their sum over the last axis; 0 where that is 0."""
    return counts / np.maximum(counts.sum(-1, keepdims=True), 1)


def _shared(articles: Sequence[Article], choices: np.ndarray) -> np.ndarray:
    """RETURNS (ndarray): Float64, shape (choices,): the names shared of each choice in points."""
    counts = [
        {name: n for name, n in count_names(article.sentences).items() if name[1] in _NAMED}
        for article in articles
    ]
    names = sorted({name for of_article in counts for name in of_article})
    # (articles, names)
    table = np.array([[of_article.get(name, 0) for name in names] for of_article in counts], dtype=np.float64)
    train = choices == _CODE["train"]
    mentions = ~train @ table.sum(1)
    several = table[:, (table > 0).sum(0) > 1]  # A name of one article alone cannot be shared.
    shared = ((~train @ several) * (train @ several > 0)).sum(1)
    return 100 * shared / np.maximum(mentions, 1)
