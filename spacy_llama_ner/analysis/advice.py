"""Advice derived from counts: what a rule says, and the numbers that it needs to speak."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from spacy_llama_ner.analysis.types import CORRECT, Outcome

# A rule speaks from this many errors on, if they are this much more frequent than elsewhere, and if chance would do
# that in one corpus of a hundred at most. Errors of one Doc depend on each other, so p is a guard and no proof.
MIN_COUNT = 5
MIN_LIFT = 1.5
MAX_P = 0.01


@dataclass(frozen=True)
class Advice:
    """What stands out, and what may help.

    rule (str): The rule's name.
    finding (str): What was counted, in words.
    evidence (dict[str, Any]): The figures: counts, fractions from 0 to 1, names.
    reason (str): A likely reason.
    to_try (str): A setting of the project, or data, that may help.
    errors (Sequence[Outcome]): The errors it is about.
    """

    rule: str
    finding: str
    evidence: dict[str, Any]
    reason: str
    to_try: str
    errors: Sequence[Outcome]


Rule = Callable[[Sequence[Outcome]], Iterator[Advice]]


@dataclass(frozen=True)
class Contrast:
    """Errors in a group of outcomes against errors in the rest.

    errors (Sequence[Outcome]): The errors in the group.
    size (int): The group's outcomes.
    rest_errors (int): Errors in the rest.
    rest_size (int): The rest's outcomes.
    """

    errors: Sequence[Outcome]
    size: int
    rest_errors: int
    rest_size: int

    @property
    def stands_out(self) -> bool:
        """Whether the group has enough errors, clearly more than the rest has, and not by chance."""
        if len(self.errors) < MIN_COUNT or not self.rest_size:
            return False
        lifted = len(self.errors) * self.rest_size >= MIN_LIFT * self.rest_errors * self.size
        return lifted and self.p <= MAX_P

    @property
    def p(self) -> float:
        """The probability of so many errors in the group if group and rest were alike.

        Source: Fisher's exact test, one-sided.
        """
        from scipy.stats import fisher_exact

        group = [len(self.errors), self.size - len(self.errors)]
        rest = [self.rest_errors, self.rest_size - self.rest_errors]
        return float(fisher_exact([group, rest], alternative="greater").pvalue)

    @property
    def group(self) -> str:
        """The group's share of errors in words."""
        return share(len(self.errors), self.size)

    @property
    def rest(self) -> str:
        """The rest's share of errors in words."""
        return share(self.rest_errors, self.rest_size)

    @property
    def evidence(self) -> dict[str, Any]:
        """The figures: errors and outcomes in the group and elsewhere, their rates, and p."""
        return {
            "errors": len(self.errors),
            "of": self.size,
            "rate": len(self.errors) / self.size,
            "errors_elsewhere": self.rest_errors,
            "of_elsewhere": self.rest_size,
            "rate_elsewhere": self.rest_errors / self.rest_size,
            "p": self.p,
        }


def contrast(
    outcomes: Iterable[Outcome], *, group: Callable[[Outcome], bool], error: Callable[[Outcome], bool]
) -> Contrast:
    """Compare how frequent an error is in a group of outcomes and in the rest.

    outcomes (Iterable[Outcome]): Those to look at.
    group (Callable[[Outcome], bool]): Whether one is in the group.
    error (Callable[[Outcome], bool]): Whether one is the error in question.
    RETURNS (Contrast): The counts.
    """
    inside: list[Outcome] = []
    outside: list[Outcome] = []
    for outcome in outcomes:
        (inside if group(outcome) else outside).append(outcome)
    errors = [outcome for outcome in inside if error(outcome)]
    return Contrast(errors, len(inside), sum(map(error, outside)), len(outside))


def advise(outcomes: Sequence[Outcome], rules: Iterable[Rule]) -> list[dict[str, Any]]:
    """Ask every rule.

    outcomes (Sequence[Outcome]): Every outcome of a corpus, in its order.
    rules (Iterable[Rule]): Such as `rules.RULES`.
    RETURNS (list[dict]): `rule`, `finding`, `evidence`, `reason`, `try` and `items` (the errors' ids), those about
        most errors first.
    """
    errors = [outcome for outcome in outcomes if outcome.kind != CORRECT]
    # By identity: equal outcomes would be looked for field by field.
    number = {id(error): i for i, error in enumerate(errors, start=1)}
    found = [advice for rule in rules for advice in rule(outcomes)]
    found.sort(key=lambda advice: (-len(advice.errors), advice.rule, advice.finding))
    return [
        {
            "rule": advice.rule,
            "finding": advice.finding,
            "evidence": advice.evidence,
            "reason": advice.reason,
            "try": advice.to_try,
            "items": [number[id(error)] for error in advice.errors],
        }
        for advice in found
    ]


def share(count: int, of: int) -> str:
    """Write a share in words, such as "25.0% (1 of 4)"."""
    percent = f"{100 * count / of:.1f}%" if of else "none"
    return f"{percent} ({count:,} of {of:,})"
