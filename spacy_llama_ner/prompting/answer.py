"""Read a language model's answer, strictly: what is not in the form that was asked for is counted and left out."""

import re
from collections import Counter
from dataclasses import dataclass, field

# Names of types as models write them, in lower case and the singular, and the labels they stand for: of these the first
# that the corpus has.
TYPES: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (
    (("PER", "PERSON"), ("per", "person", "people", "human", "name")),
    (("ORG",), ("org", "organization", "organisation", "company", "institution", "agency", "team", "party")),
    (("GPE", "LOC"), ("gpe", "geopolitical entity", "country", "city", "state", "town")),
    (("LOC", "GPE"), ("loc", "location", "place", "region")),
    (("NORP", "MISC"), ("norp", "nationality", "religion")),
    (("EVENT", "MISC"), ("event",)),
    (("PRODUCT", "MISC"), ("product",)),
    (("WORK_OF_ART", "MISC"), ("work of art", "work_of_art")),
    (("LANGUAGE", "MISC"), ("language",)),
    (("MISC",), ("misc", "miscellaneous")),
)
LABELS = {name: labels for labels, names in TYPES for name in names}
# "<entity> - <type>" may stand in a list: after a dash, a star, a bullet or a number.
_BULLET = re.compile(r"^\s*(?:[-*•]|\d+[.)])\s+")
# What models write where there is none.
_NONE = re.compile(
    r"(?:none|n/a|(?:there are )?no (?:named )?entities\b.*|the text (?:contains|has) no .*)\W*",
    re.IGNORECASE,
)
_AROUND = "*_`\"'<>[]\u201c\u201d\u2018\u2019 "


@dataclass
class Answer:
    """What an answer says.

    pairs (list[tuple[str, str]]): Names and labels, each pair as often as it was said.
    counts (Counter[str]): `lines` that are not blank; of these `malformed` ones, those of an `unknown_type`, and
        those that say that there is `none`.
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
    if truncated and not text.endswith("\n"):
        lines = lines[:-1]  # half a line, perhaps
    answer = Answer()
    own = {label.lower(): label for label in labels}
    for line in lines:
        answer.counts["lines"] += 1
        if _NONE.fullmatch(line.strip(_AROUND)):
            answer.counts["none"] += 1
            continue
        name, dash, kind = _BULLET.sub("", line).rpartition(" - ")
        name, kind = name.strip(_AROUND), kind.strip(_AROUND).rstrip(".").strip(_AROUND)
        if not dash or not name or not kind:
            answer.counts["malformed"] += 1
            continue
        meant = LABELS.get(_singular(kind.lower()), ())
        label = own.get(kind.lower()) or next((label for label in meant if label in labels), None)
        if label is None:
            answer.counts["unknown_type"] += 1
            answer.unknown[kind] += 1
            continue
        answer.pairs.append((name, label))
    return answer


def _singular(kind: str) -> str:
    if kind in LABELS:
        return kind
    return f"{kind[:-3]}y" if kind.endswith("ies") else kind.removesuffix("s")
