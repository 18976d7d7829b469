"""What a check found, and what to do about it."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

logger = logging.getLogger("spacy_llama_ner")

OK, WARN, FAIL, SKIPPED = "ok", "warn", "fail", "skipped"


@dataclass(frozen=True, slots=True)
class Check:
    """One row of the table.

    what (str): What was looked at.
    found (str): What was found, or why it was skipped.
    status (str): "ok", "warn", "fail" or "skipped".
    advice (str): What to do, where something is to be done.
    figures (dict): The same in numbers, as JSON has it.
    """

    what: str
    found: str
    status: str = OK
    advice: str = ""
    figures: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Section:
    """Checks that belong together.

    title (str): Of what.
    checks (Sequence[Check]): In order.
    """

    title: str
    checks: list[Check]


def attempt(what: str, run: Callable[[], list[Check]], *, advice: str = "") -> list[Check]:
    """Run checks; whatever is raised becomes one that failed, so that those after it still run.

    what (str): What is looked at.
    run (Callable): Gives the checks.
    advice (str): What to do if it fails and the error does not say.
    RETURNS (List[Check]): What it gave, or one failure.
    """
    try:
        return run()
    except Exception as error:  # the libraries raise all kinds, and each is what this is for
        logger.debug("%s", what, exc_info=True)
        return [failure(what, error, advice=advice)]


def failure(what: str, error: Exception, *, advice: str = "") -> Check:
    """RETURNS (Check): A failure whose advice is the error's own text, which in this project says what to do."""
    text = str(error).strip()
    if not isinstance(error, ValueError | OSError):  # such texts make little sense alone
        text = f"{type(error).__name__}: {text}"
    return Check(what, "failed", FAIL, f"{text}{' ' if advice else ''}{advice}")


def gigabytes(size: float) -> str:
    """RETURNS (str): Bytes as GB (10^9), or MB where that reads better."""
    return f"{size / 1e9:,.2f} GB" if abs(size) >= 1e8 else f"{size / 1e6:,.1f} MB"
