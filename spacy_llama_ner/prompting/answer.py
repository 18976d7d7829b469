"""Read a language model's answer, strictly: what is not in the form that was asked for is counted and left out."""

import re
from collections import Counter
from dataclasses import dataclass, field

# Names of types as models write them, in lower case and without plural s.
TYPES = {
    "PER": ("per", "person", "people", "human", "name"),
    "ORG": (
        "org",
        "organization",
        "organisation",
        "company",
        "companie",
        "institution",
        "agency",
        "team",
        "party",
    ),
    "LOC": (
        "loc",
        "location",
        "place",
        "country",
        "countrie",
        "city",
        "citie",
        "gpe",
        "region",
        "geopolitical entity",
    ),
    "MISC": (
        "misc",
        "miscellaneou",
        "nationality",
        "nationalitie",
        "norp",
        "event",
        "product",
        "work of art",
        "work_of_art",
        "language",
        "religion",
    ),
}
LABELS = {name: label for label, names in TYPES.items() for name in names}
# "<entity> - <type>" may stand in a list: after a dash, a star, a bullet or a number.
_BULLET = re.compile(r"^\s*(?:[-*•]|\d+[.)])\s+")
_AROUND = "*_`\"'<>[]\u201c\u201d\u2018\u2019 "


@dataclass
class Answer:
    """What an answer says.

    pairs (list[tuple[str, str]]): Names and labels, each pair as often as it was said.
    counts (Counter[str]): `lines` that are not blank, `malformed` ones, and those of an `unknown_type`.
    unknown (Counter[str]): The unknown types.
    """

    pairs: list[tuple[str, str]] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)


def parse_answer(text: str, *, labels: set[str], truncated: bool = False) -> Answer:
    """Read lines of the form "<entity> - <type>".

    The type follows the last " - ", since names may have one. List marks before a line, and quotes or stars around
    either part, are
    taken off. Types are the labels themselves or one of `TYPES`; case does not matter. Nothing is guessed: other
    lines, such as an
    introduction, are malformed, and other types are unknown.

    text (str): The answer.
    labels (set[str]): Those that may be predicted.
    truncated (bool): Whether it was cut at the end; its last line, which may be half of one, is then left out.
    RETURNS (Answer): What was read.
    """
    lines = [line for line in text.splitlines() if line.strip()]
    if truncated:
        lines = lines[:-1]
    answer = Answer()
    own = {label.lower(): label for label in labels}
    for line in lines:
        answer.counts["lines"] += 1
        name, dash, kind = _BULLET.sub("", line).rpartition(" - ")
        name, kind = name.strip(_AROUND), kind.strip(_AROUND).rstrip(".").strip(_AROUND)
        if not dash or not name or not kind:
            answer.counts["malformed"] += 1
            continue
        label = own.get(kind.lower()) or LABELS.get(kind.lower().removesuffix("s"))
        if label not in labels:
            answer.counts["unknown_type"] += 1
            answer.unknown[kind] += 1
            continue
        answer.pairs.append((name, label))
    return answer
