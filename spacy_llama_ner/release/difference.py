"""Compare what two pipelines find in the same texts, entity by entity and score by score."""

from collections.abc import Sequence
from typing import Any

Entities = Sequence[Sequence[dict[str, Any]]]
SHOWN = 10  # so many differences are named


def compare_entities(before: Entities, after: Entities) -> dict[str, Any]:
    """Compare two pipelines' entities.

    before, after (Sequence[Sequence[dict]]): For each of the same texts its entities; see `try_pipeline`.
    RETURNS (dict): `texts` and `entities`, counts of `before`; `gone` and `new`, lists of entities that one of the two
        has, each with the number of its text, from 1, in `number`; `largest`, that of the entities which both have
        whose score differs most, with `number`, `before` and `after`; None if none has a score.
    RAISES (ValueError): If the numbers of texts differ.
    """
    gone: list[dict[str, Any]] = []
    new: list[dict[str, Any]] = []
    scored: list[dict[str, Any]] = []
    for number, (first, second) in enumerate(zip(before, after, strict=True), start=1):
        one, two = {_key(ent): ent for ent in first}, {_key(ent): ent for ent in second}
        gone += [{"number": number, **ent} for key, ent in one.items() if key not in two]
        new += [{"number": number, **ent} for key, ent in two.items() if key not in one]
        scored += [
            {**ent, "number": number, "before": ent["score"], "after": two[key]["score"]}
            for key, ent in one.items()
            if key in two and ent["score"] is not None
        ]
    return {
        "texts": len(before),
        "entities": sum(map(len, before)),
        "gone": gone,
        "new": new,
        "largest": max(scored, key=score_difference, default=None),
    }


def score_difference(entity: dict[str, Any]) -> float:
    """RETURNS (float): By how much an entity of both differs in its score; infinite where one is no number."""
    difference = abs(entity["before"] - entity["after"])
    return difference if difference == difference else float("inf")


def objections(comparison: dict[str, Any], *, tolerance: float) -> list[str]:
    """Say what speaks against taking the second pipeline for the first.

    comparison (dict): From `compare_entities`.
    tolerance (float): Largest difference of two scores, from 0 to 1.
    RETURNS (list[str]): Sentences; none if they find the same, with scores within the tolerance.
    """
    lines = []
    differing = [*(("gone", ent) for ent in comparison["gone"]), *(("new", ent) for ent in comparison["new"])]
    if differing:
        differing.sort(key=lambda pair: (pair[1]["number"], pair[1]["start"]))
        named = [f"text {ent['number']}: {word} {_name(ent)}" for word, ent in differing[:SHOWN]]
        rest = [f"and {len(differing) - SHOWN} more"] if len(differing) > SHOWN else []
        lines.append(
            f"Of {comparison['entities']:,} entities {len(comparison['gone'])} are gone and "
            f"{len(comparison['new'])} are new: {'; '.join([*named, *rest])}."
        )
    largest = comparison["largest"]
    if largest is not None and not score_difference(largest) <= tolerance:
        lines.append(
            f"The score of {largest['text']!r} in text {largest['number']} differs by "
            f"{score_difference(largest):.2g}, more than {tolerance:g}: {largest['before']:.3f} before, "
            f"{largest['after']:.3f} after."
        )
    return lines


def _key(ent: dict[str, Any]) -> tuple[int, int, str, bool]:
    return ent["start"], ent["end"], ent["label"], ent["score"] is None


def _name(ent: dict[str, Any]) -> str:
    score = "no score" if ent["score"] is None else f"{ent['score']:.3f}"
    return f"{ent['text']!r} ({ent['label']}, {score})"
