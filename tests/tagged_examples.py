"""Examples of sentences with gold and predicted tags."""

import random

from ruler import make_gold, make_ruler
from spacy.training import Example

Tagged = list[tuple[str, list[str]]]


def make_example(gold: Tagged, predicted: Tagged) -> Example:
    """Pair sentences, each a text and the IOB2 tags of its tokens, with the same ones as predicted."""
    nlp = make_ruler()
    return Example(make_gold(nlp, predicted), make_gold(nlp, gold))


def make_random_examples(number: int, *, seed: int, errors: float = 0.3) -> list[Example]:
    """Make sentences with entities at random; each tag of a share of the tokens is predicted anew."""
    rng = random.Random(seed)
    nlp = make_ruler()
    examples = []
    for _ in range(number):
        words = [rng.choice("abcdef") for _ in range(rng.randint(1, 8))]
        gold = [_tag(rng) for _ in words]
        predicted = [_tag(rng) if rng.random() < errors else tag for tag in gold]
        docs = [make_gold(nlp, [(" ".join(words), _legal(tags))]) for tags in (predicted, gold)]
        examples.append(Example(*docs))
    return examples


def _tag(rng: random.Random) -> str:
    return rng.choice(["O", "O", "B-PER", "B-LOC", "I-PER", "I-LOC"])


def _legal(tags: list[str]) -> list[str]:
    """Open an entity where an I- continues nothing."""
    legal: list[str] = []
    for tag in tags:
        before = legal[-1] if legal else "O"
        legal.append(f"B-{tag[2:]}" if tag[0] == "I" and before[2:] != tag[2:] else tag)
    return legal
