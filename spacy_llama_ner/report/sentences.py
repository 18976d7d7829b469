"""Render the entities of a sentence with displaCy."""

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup, escape
from spacy import displacy

# displaCy repeats its whole style at each entity; a page of a thousand errors would be four times as large.
TEMPLATE = '<mark class="entity {focus}" style="--bg: {bg}" title="{title}">{text}<span>{label}</span></mark>'
# displaCy has no colours for these two of CoNLL-2003's labels; they are those of its PERSON and NORP.
COLOURS = {"PER": "#aa9cfc", "MISC": "#c887fb"}


def render_sentence(
    text: str, entities: Sequence[dict[str, Any]], *, focus: tuple[int, int] | None = None
) -> Markup:
    """Render a sentence.

    text (str): The sentence; it may hold markup, which is shown as text.
    entities (Sequence[dict]): `start` and `end` in characters of it, `label`, and `score` if it has one; none overlap.
    focus (tuple[int, int] | None): The entity to be marked, by its characters.
    RETURNS (Markup): An element that contains the text.
    """
    rows = [
        {
            "start": entity["start"],
            "end": entity["end"],
            "label": str(escape(entity["label"])),  # displaCy escapes texts alone
            "params": {
                "focus": "focus" if (entity["start"], entity["end"]) == focus else "",
                "title": _title(entity.get("score")),
            },
        }
        for entity in sorted(entities, key=lambda entity: entity["start"])
    ]
    html = displacy.render(
        {"text": text, "ents": rows, "title": None},
        style="ent",
        manual=True,
        page=False,
        jupyter=False,
        options={"template": TEMPLATE, "colors": COLOURS},
    )
    return Markup(html)


def _title(score: float | None) -> str:
    return "" if score is None else f"score {score:.2f}"
