"""Docs and tokens of any size: nothing is cut off, and every part of a token counts."""

import numpy as np
import pytest
from properties import emissions_of
from spacy.tokens import Doc

HUGE = 50_000  # characters of one token
SURE = 1e-3  # ten times the tolerance of `properties`: a change of that size is no rounding


@pytest.mark.parametrize(
    ("backbone", "attention", "pooling"),
    [
        ("llama", "bidirectional", "first"),
        ("llama", "causal", "last"),
        pytest.param("llama", "bidirectional", "mean", marks=pytest.mark.slow),
        pytest.param("llama-mini", "bidirectional", "last", marks=pytest.mark.slow),
    ],
)
def test_every_part_of_a_huge_token_counts(pipelines, backbone, attention, pooling):
    nlp = pipelines.get(
        backbone, attention=attention, pooling=pooling, max_window_pieces=512, max_batch_pieces=8192
    )
    # in the tiny Llama one character is one piece, so that a change moves no window's borders
    texts = ["q" * HUGE]
    texts += [f"{texts[0][:place]}z{texts[0][place + 1 :]}" for place in (0, HUGE // 2, HUGE - 1)]
    docs = [Doc(nlp.vocab, words=["Anna", text, "spoke"]) for text in texts]
    base, *others = (rows[1] for rows in emissions_of(nlp, docs))
    assert all(np.abs(other - base).max() > SURE for other in others)
