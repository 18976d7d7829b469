"""Plain data that the analysis works on, without spaCy."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

CORRECT = "correct"
BOUNDARY = "boundary"
LABEL = "label"
BOUNDARY_AND_LABEL = "boundary and label"
MISSED = "missed"
SPURIOUS = "spurious"
ERRORS = (BOUNDARY, LABEL, BOUNDARY_AND_LABEL, MISSED, SPURIOUS)


@dataclass(frozen=True)
class Entity:
    """An entity of one sentence.

    start (int): Its first token, counted from the sentence's first.
    end (int): The token after its last.
    start_char (int): Its first character in the sentence's text.
    end_char (int): The character after its last.
    label (str): Its label.
    text (str): Its text.
    score (float | None): The probability that the pipeline gave to it, from 0 to 1; None where unknown.
    buckets (Mapping[str, str]): Factor -> bucket, see `factors`.
    """

    start: int
    end: int
    start_char: int
    end_char: int
    label: str
    text: str
    score: float | None
    buckets: Mapping[str, str]

    def to_dict(self, *, score: bool) -> dict[str, Any]:
        """Write what a reader of the sentence's text needs: characters, label, text, and the score if wanted."""
        shown = {"start": self.start_char, "end": self.end_char, "label": self.label, "text": self.text}
        return {**shown, "score": self.score} if score else shown


@dataclass(frozen=True)
class Sentence:
    """A sentence with the entities of both sides; each lies in it whole.

    doc (int): The number of its Doc in the corpus, from 1.
    number (int): Its number in the Doc, from 1; the first one's of joined sentences.
    words (tuple[str, ...]): Its tokens.
    text (str): Its text.
    gold (tuple[Entity, ...]): Gold entities in order, none overlapping another.
    predicted (tuple[Entity, ...]): Predicted entities, likewise.
    """

    doc: int
    number: int
    words: tuple[str, ...]
    text: str
    gold: tuple[Entity, ...]
    predicted: tuple[Entity, ...]


@dataclass(frozen=True)
class Outcome:
    """What became of a gold entity, a predicted one, or a pair of them.

    kind (str): `CORRECT` or one of `ERRORS`.
    gold (Entity | None): None where the prediction is spurious.
    predicted (Entity | None): None where the gold entity is missed.
    sentence (Sentence): Where.
    """

    kind: str
    gold: Entity | None
    predicted: Entity | None
    sentence: Sentence

    @property
    def entity(self) -> Entity:
        """The gold entity, or the predicted one where there is no gold."""
        entity = self.gold or self.predicted
        if entity is None:
            raise ValueError("An outcome needs a gold or a predicted entity, and this one has neither.")
        return entity

    @property
    def score(self) -> float | None:
        """The prediction's score; None where unknown or nothing was predicted."""
        return None if self.predicted is None else self.predicted.score
