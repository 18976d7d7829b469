"""Figures that others published on CoNLL-2003 English test. They are quoted, not measured here."""

from collections.abc import Sequence
from typing import Any

from spacy.tokens import Doc

from spacy_llama_ner.evaluation.official import check_official

TEST = "CoNLL-2003 test"
# System, entity F1, source, note. Only figures that were read in a public source that can be named.
PUBLISHED = (
    ("Llama-3.2-1B, LoRA in q and v", 0.706, "github.com/kkonstas88/LLM-NER", "attention is in fact causal"),
    ("spaCy, RoBERTa-base", 0.916, "spacy.io, facts and figures, 2020", None),
    ("BERT-base", 0.924, "Devlin et al. (2019), BERT, table 7", "with document context"),
    ("BERT-large", 0.928, "Devlin et al. (2019), BERT, table 7", "with document context"),
    (
        "Mistral-7B without causal mask, LoRA",
        0.935,
        "github.com/WhereIsAI/BiLLM",
        "chosen on test; cut at 64 pieces",
    ),
)


def quote(docs: Sequence[Doc]) -> list[dict[str, Any]]:
    """Give published figures, if the corpus is the one that they are of.

    docs (Sequence[Doc]): The test corpus.
    RETURNS (list[dict]): `system`, `f1` (a fraction), `source`, `note` (or None); none unless the corpus has the counts
        of CoNLL-2003 English test.
    """
    if check_official(docs)["split"] != TEST:
        return []
    keys = ("system", "f1", "source", "note")
    return [dict(zip(keys, row, strict=True)) for row in PUBLISHED]
