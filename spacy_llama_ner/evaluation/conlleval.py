"""Count entities as the CoNLL shared tasks' script conlleval does: from tags, sentence by sentence, leniently."""

from collections.abc import Iterable, Sequence
from typing import Any

from spacy.scorer import PRFScore
from spacy.training import Example

from spacy_llama_ner.evaluation.tagged import cut, sentence_bounds, tags


def conlleval_scores(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> dict[str, Any]:
    """Score tags that need not be legal: an I- that continues nothing opens an entity.

    gold, predicted (Sequence[Sequence[str]]): IOB1 or IOB2 tags, one sequence a sentence.
    RETURNS (dict): `precision`, `recall`, `f1` (fractions from 0 to 1), the counts `gold`, `predicted` and `right`,
        and `per_label` with the same.
    Source: conlleval.pl, version 2004-01-26, startOfChunk and endOfChunk, as seqeval's get_entities has them.
    """
    from seqeval.metrics.sequence_labeling import get_entities

    right, found = (set(get_entities([list(tags) for tags in side])) for side in (gold, predicted))
    by_label = {}
    for label in sorted({entity[0] for entity in right | found}):
        score = PRFScore()
        score.score_set(
            {entity for entity in found if entity[0] == label},
            {entity for entity in right if entity[0] == label},
        )
        by_label[label] = score
    total = sum(by_label.values(), PRFScore())
    return {**_scores(total), "per_label": {label: _scores(score) for label, score in by_label.items()}}


def sentence_tags(examples: Iterable[Example]) -> tuple[list[list[str]], list[list[str]]]:
    """Write entities as tags and cut them at each gold sentence start, also within an entity, as files have them.

    examples (Iterable[Example]): Pairs with equal tokens.
    RETURNS (tuple[list[list[str]], list[list[str]]]): Gold and predicted tags of each sentence.
    """
    gold, predicted = [], []
    for example in examples:
        bounds = sentence_bounds(example.reference)
        gold += cut(tags(example.reference), bounds)
        predicted += cut(tags(example.predicted), bounds)
    return gold, predicted


def explain(conlleval: dict[str, Any], strict: dict[str, Any]) -> list[str]:
    """Say where the count of conlleval and that of strict IOB2 (seqeval) and spaCy differ, and why.

    conlleval (dict): What `conlleval_scores` returned for `sentence_tags`.
    strict (dict): The counts `gold`, `predicted` and `right` of whole entities.
    RETURNS (list[str]): One sentence a difference; one that says so if there is none.
    """
    names = {"gold": "gold entities", "predicted": "predicted entities", "right": "right ones"}
    differences = [
        f"conlleval counts {conlleval[key]:,} {name}, strict and spaCy {strict[key]:,}: some entities cross a "
        "sentence start, and conlleval, which reads sentence by sentence, counts each part of them."
        for key, name in names.items()
        if conlleval[key] != strict[key]
    ]
    return differences or [
        "All three count the same entities: the tags are legal IOB2, and no entity crosses a sentence start."
    ]


def _scores(score: PRFScore) -> dict[str, Any]:
    return {
        "precision": score.precision,
        "recall": score.recall,
        "f1": score.fscore,
        "gold": score.tp + score.fn,
        "predicted": score.tp + score.fp,
        "right": score.tp,
    }
