"""All scores of one pipeline on one corpus."""

from collections.abc import Sequence
from typing import Any

from spacy.language import Language
from spacy.tokens import Doc

from spacy_llama_ner.evaluation.counts import EntityCounts, count_entities
from spacy_llama_ner.evaluation.examples import predict
from spacy_llama_ner.evaluation.intervals import bootstrap_intervals
from spacy_llama_ner.evaluation.metrics import evaluate
from spacy_llama_ner.evaluation.raw_text import score_raw_text
from spacy_llama_ner.evaluation.robustness import score_variants
from spacy_llama_ner.evaluation.seen import Names, seen_scores


def evaluate_pipeline(
    nlp: Language,
    gold: Sequence[Doc],
    *,
    batch_size: int,
    robustness: bool = True,
    train: Names | None = None,
) -> tuple[dict[str, Any], EntityCounts]:
    """Predict on gold tokens, on raw text and on changed words, and score all of it.

    nlp (Language): The pipeline.
    gold (Sequence[Doc]): Annotated Docs that share its vocabulary; at least one token in all.
    batch_size (int): Docs handed to a component at once.
    robustness (bool): Whether to predict on changed words.
    train (Mapping[str, set[str]] | None): The names of the training data, by `seen.collect_names`.
    RETURNS (tuple[dict, EntityCounts]): What `metrics.evaluate` returns, with `intervals`, `raw_text`,
        `words_per_second`, and `robustness` and `seen` where asked for; and the counts of each Doc, for a test
        against another pipeline.
    """
    examples, seconds = predict(nlp, gold, batch_size=batch_size)
    counts = count_entities(examples)
    result = evaluate(examples)
    result["intervals"] = bootstrap_intervals(counts)
    result["raw_text"] = score_raw_text(nlp, gold, batch_size=batch_size)
    result["words_per_second"] = result["counts"]["tokens"] / seconds
    if robustness:
        result["robustness"] = score_variants(nlp, gold, f1=result["seqeval"]["f1"], batch_size=batch_size)
    if train is not None:
        result["seen"] = seen_scores(examples, train)
    return result, counts
