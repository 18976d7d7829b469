"""List every error, and the most frequent kinds of them with examples."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from spacy_llama_ner.analysis.types import Outcome


def list_errors(errors: Sequence[Outcome]) -> list[dict[str, Any]]:
    """Write out every error with its sentence, for a page to show.

    errors (Sequence[Outcome]): The errors in the order of the corpus.
    RETURNS (list[dict]): For each error `id` (from 1), `class`, `gold` and `predicted` (None, or start and end in
        characters of `text`, label and text; a predicted one has a score from 0 to 1 or None), `doc` and `sentence`
        (numbers from 1), `text` (the sentence's), `gold_entities` and `predicted_entities` (all of the sentence) and
        `buckets` (factor -> bucket of the gold entity, or of the prediction where there is no gold).
    """
    return [
        {
            "id": number,
            "class": error.kind,
            "gold": error.gold and error.gold.to_dict(score=False),
            "predicted": error.predicted and error.predicted.to_dict(score=True),
            "doc": error.sentence.doc,
            "sentence": error.sentence.number,
            "text": error.sentence.text,
            "gold_entities": [entity.to_dict(score=False) for entity in error.sentence.gold],
            "predicted_entities": [entity.to_dict(score=True) for entity in error.sentence.predicted],
            "buckets": dict(error.entity.buckets),
        }
        for number, error in enumerate(errors, start=1)
    ]


def rank_confusions(errors: Sequence[Outcome], *, examples: int) -> list[dict[str, Any]]:
    """Count errors by class and labels, most frequent first.

    errors (Sequence[Outcome]): The errors in the order of the corpus.
    examples (int): How many to show of each.
    RETURNS (list[dict]): `class`, `gold` and `predicted` (labels, or None), `count`, and `examples`: the most
        confident ones, then in the order of the corpus, each pair of texts once. An example has the item's `id`,
        `gold` and `predicted` (texts, or None), `score` and `text` (the sentence's).
    """
    groups: dict[tuple[str, str | None, str | None], list[tuple[int, Outcome]]] = defaultdict(list)
    for number, error in enumerate(errors, start=1):
        gold, predicted = error.gold, error.predicted
        labels = (gold.label if gold else None, predicted.label if predicted else None)
        groups[(error.kind, *labels)].append((number, error))
    ranked = sorted(groups.items(), key=lambda group: (-len(group[1]), [str(part) for part in group[0]]))
    return [
        {
            "class": kind,
            "gold": gold,
            "predicted": predicted,
            "count": len(group),
            "examples": _examples(group)[:examples],
        }
        for (kind, gold, predicted), group in ranked
    ]


def _examples(group: Sequence[tuple[int, Outcome]]) -> list[dict[str, Any]]:
    confident = sorted(
        group, key=lambda entry: -1.0 if entry[1].score is None else entry[1].score, reverse=True
    )
    shown: dict[tuple[str | None, str | None], dict[str, Any]] = {}
    for number, error in confident:
        gold, predicted = error.gold, error.predicted
        texts = (gold.text if gold else None, predicted.text if predicted else None)
        shown.setdefault(
            texts,
            {
                "id": number,
                "gold": texts[0],
                "predicted": texts[1],
                "score": error.score,
                "text": error.sentence.text,
            },
        )
    return list(shown.values())
