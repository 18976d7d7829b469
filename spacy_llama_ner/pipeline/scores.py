"""`ent._.score`: the probability of a predicted entity.

Scores are kept beside the predictions in `doc.spans["llama_crf_ner"].attrs["scores"]` (under the component's name,
if that is another), so they survive `doc.to_bytes`, DocBin and other processes. They are found by character
offsets: these stay when tokens are merged or split, while spaCy does not move span groups with them.
"""

import warnings
from collections.abc import Sequence

import numpy as np
from spacy.tokens import Doc, Span, SpanGroup

EXTENSION = "score"


def store_scores(doc: Doc, key: str, spans: Sequence[Span], scores: Sequence[float]) -> None:
    """Keep a doc's predictions and their scores, replacing earlier ones of the same component.

    doc (Doc): The doc.
    key (str): The component's name, the key in `doc.spans`.
    spans (Sequence[Span]): Predicted entities, in order.
    scores (Sequence[float]): Their probabilities, from 0 to 1.
    """
    attrs = {
        "scores": np.array(scores, dtype=np.float32),
        "offsets": np.array([(span.start_char, span.end_char) for span in spans], dtype=np.int64).reshape(
            -1, 2
        ),
        "labels": [span.label_ for span in spans],
    }
    doc.spans[key] = SpanGroup(doc, name=key, spans=list(spans), attrs=attrs)


def get_score(span: Span) -> float | None:
    """Look a span's score up.

    span (Span): Any span.
    RETURNS (Optional[float]): The probability, from 0 to 1, that a model gave to exactly this entity; None
        if none predicted it.
    """
    for group in span.doc.spans.values():
        attrs = group.attrs
        if not {"scores", "offsets", "labels"} <= attrs.keys() or len(attrs["labels"]) != len(group):
            continue  # not ours, or changed by somebody
        index = int(np.searchsorted(attrs["offsets"][:, 0], span.start_char))
        if index == len(group):
            continue
        place = (*attrs["offsets"][index], attrs["labels"][index])
        if place == (span.start_char, span.end_char, span.label_):
            return float(attrs["scores"][index])
    return None


def install_extension() -> None:
    """Register `span._.score`; leave an extension of that name that somebody else made alone, with a warning."""
    if not Span.has_extension(EXTENSION):
        Span.set_extension(EXTENSION, getter=get_score)
    elif Span.get_extension(EXTENSION)[2] is not get_score:
        warnings.warn(
            f"Span._.{EXTENSION} already exists and is left alone; the scores of llama_crf_ner are in "
            "doc.spans, under the component's name, in attrs['scores']",
            stacklevel=2,
        )
