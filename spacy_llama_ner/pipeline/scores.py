"""`ent._.score`: the probability of a predicted entity.

Scores are kept beside the predictions in `doc.spans["llama_crf_ner"].attrs["scores"]`, so they survive
`doc.to_bytes`, DocBin and other processes.
"""

import warnings
from bisect import bisect_left
from collections.abc import Sequence

import numpy as np
from spacy.tokens import Doc, Span, SpanGroup

SPANS_KEY = "llama_crf_ner"
EXTENSION = "score"


def store_scores(doc: Doc, spans: Sequence[Span], scores: Sequence[float]) -> None:
    """Keep a doc's predictions and their scores, replacing earlier ones.

    doc (Doc): The doc.
    spans (Sequence[Span]): Predicted entities, in order.
    scores (Sequence[float]): Their probabilities, from 0 to 1.
    """
    attrs = {"scores": np.array(scores, dtype=np.float32)}
    doc.spans[SPANS_KEY] = SpanGroup(doc, name=SPANS_KEY, spans=list(spans), attrs=attrs)


def get_score(span: Span) -> float | None:
    """Look a span's score up.

    span (Span): Any span.
    RETURNS (Optional[float]): The probability, from 0 to 1, that the model gave to exactly this entity; None
        if the model did not predict it.
    """
    group = span.doc.spans.get(SPANS_KEY)
    scores = None if group is None else group.attrs.get("scores")
    if group is None or scores is None or len(scores) != len(group):
        return None
    index = bisect_left(range(len(group)), span.start, key=lambda i: group[i].start)
    if index == len(group):
        return None
    found = group[index]
    same = (found.start, found.end, found.label) == (span.start, span.end, span.label)
    return float(scores[index]) if same else None


def install_extension() -> None:
    """Register `span._.score`; leave an extension of that name that somebody else made alone, with a warning."""
    if not Span.has_extension(EXTENSION):
        Span.set_extension(EXTENSION, getter=get_score)
    elif Span.get_extension(EXTENSION)[2] is not get_score:
        warnings.warn(
            f"Span._.{EXTENSION} already exists and is left alone; the scores of llama_crf_ner are in "
            f'doc.spans["{SPANS_KEY}"].attrs["scores"]',
            stacklevel=2,
        )
