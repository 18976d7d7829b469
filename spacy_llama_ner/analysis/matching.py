"""Pair gold and predicted entities one to one, and class each pair."""

from collections.abc import Iterable

from spacy_llama_ner.analysis.types import (
    BOUNDARY,
    BOUNDARY_AND_LABEL,
    CORRECT,
    LABEL,
    MISSED,
    SPURIOUS,
    Entity,
    Outcome,
    Sentence,
)


def match_all(sentences: Iterable[Sentence]) -> list[Outcome]:
    """Class every entity of a corpus; see `match`."""
    return [outcome for sentence in sentences for outcome in match(sentence)]


def match(sentence: Sentence) -> list[Outcome]:
    """Pair the entities of one sentence, best overlap first.

    Each entity is in one pair at most, so each gold and each predicted one is in exactly one outcome. The overlap of
    a pair is the tokens they share over the tokens they cover together. Pairs are taken from the largest overlap down;
    of equal ones first that with equal labels, then the leftmost. The same tokens and label are correct; the same
    tokens with another label, `label`; other tokens with the same label, `boundary`; other tokens and label,
    `boundary and label`. What overlaps with nothing that is left is `missed` or `spurious`.

    sentence (Sentence): The sentence.
    RETURNS (list[Outcome]): In the order of the text.
    """
    pairs = [(g, p) for g in sentence.gold for p in sentence.predicted if _overlap(g, p)]
    pairs.sort(
        key=lambda pair: (-_overlap(*pair), pair[0].label != pair[1].label, pair[0].start, pair[1].start)
    )
    outcomes = []
    gold, predicted = set(_spans(sentence.gold)), set(_spans(sentence.predicted))
    for g, p in pairs:
        if (g.start, g.end) in gold and (p.start, p.end) in predicted:
            gold.remove((g.start, g.end))
            predicted.remove((p.start, p.end))
            outcomes.append(Outcome(_kind(g, p), g, p, sentence))
    outcomes += [Outcome(MISSED, g, None, sentence) for g in sentence.gold if (g.start, g.end) in gold]
    outcomes += [
        Outcome(SPURIOUS, None, p, sentence) for p in sentence.predicted if (p.start, p.end) in predicted
    ]
    return sorted(outcomes, key=lambda outcome: (outcome.entity.start, outcome.gold is None))


def _kind(gold: Entity, predicted: Entity) -> str:
    same_span = (gold.start, gold.end) == (predicted.start, predicted.end)
    if gold.label == predicted.label:
        return CORRECT if same_span else BOUNDARY
    return LABEL if same_span else BOUNDARY_AND_LABEL


def _overlap(gold: Entity, predicted: Entity) -> float:
    shared = min(gold.end, predicted.end) - max(gold.start, predicted.start)
    if shared <= 0:
        return 0.0
    return shared / (max(gold.end, predicted.end) - min(gold.start, predicted.start))


def _spans(entities: Iterable[Entity]) -> list[tuple[int, int]]:
    return [(entity.start, entity.end) for entity in entities]
