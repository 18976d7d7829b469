"""Score a pipeline on the same corpus in other forms: capitals, small letters, typing errors."""

from collections.abc import Sequence
from typing import Any

from spacy.language import Language
from spacy.tokens import Doc

from spacy_llama_ner.evaluation.counts import count_entities, precision_recall_f1
from spacy_llama_ner.evaluation.examples import predict
from spacy_llama_ner.evaluation.perturb import change_words, make_typist

SEED = 0


def score_variants(
    nlp: Language, gold: Sequence[Doc], *, f1: float, batch_size: int = 64, seed: int = SEED
) -> dict[str, dict[str, Any]]:
    """Predict on changed words and compare with the gold entities, which keep their tokens.

    nlp (Language): The pipeline.
    gold (Sequence[Doc]): Annotated Docs.
    f1 (float): The F1 on the corpus as it is, from 0 to 1.
    batch_size (int): Docs handed to a component at once.
    seed (int): Of the typing errors.
    RETURNS (dict): `upper`, `lower` and `typos`, each with `precision`, `recall`, `f1` (fractions), `drop` (F1 lost, in
        the same unit) and `changed_words`; `typos` has the `seed` too.
    """
    variants = {"upper": str.upper, "lower": str.lower, "typos": make_typist(seed=seed)}
    result: dict[str, dict[str, Any]] = {}
    for name, change in variants.items():
        docs = change_words(gold, change)
        examples, _ = predict(nlp, docs, batch_size=batch_size)
        counts = count_entities(examples)
        scores = precision_recall_f1(counts.tp.sum(), counts.fp.sum(), counts.fn.sum())
        result[name] = dict(zip(("precision", "recall", "f1"), map(float, scores), strict=True))
        result[name]["drop"] = f1 - result[name]["f1"]
        result[name]["changed_words"] = sum(
            old.text != new.text
            for pair in zip(gold, docs, strict=True)
            for old, new in zip(*pair, strict=True)
        )
    result["typos"]["seed"] = seed
    return result
