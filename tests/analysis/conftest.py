"""Make the module beside this file importable, and scores that tests set by hand."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from spacy.tokens import Span

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def set_scores() -> Iterator[Callable[[dict[str, float]], None]]:
    """A function that lets `ent._.score` look the entity's text up; afterwards all is as before."""
    before = Span.get_extension("score") if Span.has_extension("score") else None

    def set_scores(scores: dict[str, float]) -> None:
        Span.set_extension("score", getter=lambda span: scores.get(span.text), force=True)

    yield set_scores
    if Span.has_extension("score"):
        Span.remove_extension("score")
    if before is not None:
        Span.set_extension("score", getter=before[2])
