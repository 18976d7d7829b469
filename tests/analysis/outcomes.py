"""Examples and outcomes written by hand."""

from ruler import make_gold, make_ruler
from spacy.training import Example

from spacy_llama_ner.analysis.matching import match_all
from spacy_llama_ner.analysis.sentences import cut_sentences
from spacy_llama_ner.analysis.types import CORRECT, LABEL, MISSED, SPURIOUS, Entity, Outcome, Sentence


def make_example(text: str, gold: str, predicted: str) -> Example:
    """Make a pair of Docs of sentences parted by " / ", with tags parted by spaces ("PER" is short for "B-PER")."""
    sides = []
    for tags in (gold, predicted):
        rows = [[_tag(tag) for tag in row.split()] for row in tags.split(" / ")]
        sides.append(make_gold(make_ruler(), list(zip(text.split(" / "), rows, strict=True))))
    return Example(sides[1], sides[0])


def outcomes_of(*examples: Example, names: dict[str, set[str]] | None = None) -> list[Outcome]:
    """Class the entities of examples."""
    return match_all(cut_sentences(examples, names=names))


def make_outcome(
    kind: str,
    label: str = "ORG",
    predicted_label: str | None = None,
    *,
    words: str = "Acme",
    cut: int = 0,
    before: str = "",
    score: float | None = None,
    **buckets: str,
) -> Outcome:
    """Make an outcome of the entity `words` after `before`; the prediction lacks its last `cut` tokens."""
    start, size = len(before.split()), len(words.split())
    sentence = (*before.split(), *words.split())
    sides = []
    for name, length, known in ((label, size, None), (predicted_label or label, size - cut, score)):
        text = " ".join(sentence[start : start + length])
        sides.append(
            Entity(start, start + length, 0, len(text), name, text, known, {"label": name, **buckets})
        )
    gold = None if kind == SPURIOUS else sides[0]
    predicted = None if kind == MISSED else sides[1]
    return Outcome(kind, gold, predicted, Sentence(1, 1, sentence, " ".join(sentence), (), ()))


def right(n: int, label: str = "ORG", **other) -> list[Outcome]:
    """Make n correct outcomes."""
    return [make_outcome(CORRECT, label, **other) for _ in range(n)]


def swapped(n: int, label: str, predicted_label: str, **other) -> list[Outcome]:
    """Make n outcomes with a wrong label."""
    return [make_outcome(LABEL, label, predicted_label, **other) for _ in range(n)]


def _tag(tag: str) -> str:
    return tag if tag == "O" or "-" in tag else f"B-{tag}"
