"""Read why forms of a corpus are annotated in more than one way: `ambiguous.json`."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spacy_llama_ner.corpus.article import CorpusError

NAME = "ambiguous.json"
_KEYS = ("labels", "unmarked")
_FORM = (
    'Expected {"labels": {"Leeds": "the city (LOC) and its club (ORG)"}, "unmarked": {"May": "the month"}}.'
)


@dataclass(frozen=True, slots=True)
class Explanations:
    """Why forms are annotated in more than one way.

    labels (dict[str, str]): Why a form has several labels.
    unmarked (dict[str, str]): Why a form is an entity in some places and not in others.
    """

    labels: dict[str, str] = field(default_factory=dict)
    unmarked: dict[str, str] = field(default_factory=dict)


def read_explanations(path: Path) -> Explanations:
    """Read explanations.

    path (Path): JSON: {"labels": {form: why}, "unmarked": {form: why}}, forms as tokens with single spaces.
    RETURNS (Explanations): What it says; nothing if there is no such file.
    RAISES (CorpusError): If it is malformed, or explains a form twice.
    """
    if not path.is_file():
        return Explanations()

    def without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        seen: dict[str, Any] = {}
        for key, value in pairs:
            if key in seen:
                raise CorpusError(f"{path}: {key!r} stands there twice. Remove one.")
            seen[key] = value
        return seen

    try:
        content = json.loads(path.read_bytes(), object_pairs_hook=without_duplicates)
    except CorpusError:
        raise
    except ValueError as e:
        raise CorpusError(f"{path}: not JSON: {e}. {_FORM}") from e
    if not isinstance(content, dict) or set(content) != set(_KEYS):
        raise CorpusError(f"{path}: other keys than {' and '.join(_KEYS)}. {_FORM}")
    for key, forms in content.items():
        if not isinstance(forms, dict):
            raise CorpusError(f"{path}: {key} is not an object. {_FORM}")
        for form, why in forms.items():
            if not isinstance(why, str) or not why.strip():
                raise CorpusError(f"{path}: {key}: no explanation of {form!r}. Write one, or remove it.")
    return Explanations(**content)
