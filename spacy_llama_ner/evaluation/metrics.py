"""Entity scores by seqeval (strict, IOB2), by spaCy and as conlleval counts, and the check that the first two agree."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from spacy.scorer import get_ner_prf
from spacy.training import Example

from spacy_llama_ner.evaluation.conlleval import conlleval_scores, explain, sentence_tags
from spacy_llama_ner.evaluation.counts import count_entities
from spacy_llama_ner.evaluation.tagged import sentence_bounds, tag_sequences

# Both divide the same counts; spaCy adds 1e-100 to denominators and seqeval does not.
AGREEMENT = 1e-9


def evaluate(examples: Sequence[Example]) -> dict[str, Any]:
    """Score predicted entities against gold ones on the same tokens.

    examples (Sequence[Example]): Pairs with equal tokens, at least one token in all, every gold token
        annotated.
    RETURNS (dict): `counts`, `seqeval`, `spacy` and `conlleval` (fractions from 0 to 1), `differences` (where the
        three differ and why, a sentence each), and `warning` where a score is 0.0 only because there was nothing to
        count.
    RAISES (ValueError): If seqeval and spaCy disagree by more than 1e-9.
    """
    pairs = [pair for example in examples for pair in tag_sequences(example)]
    gold = Counter(ent.label_ for example in examples for ent in example.reference.ents)
    predicted = Counter(ent.label_ for example in examples for ent in example.predicted.ents)
    result: dict[str, Any] = {
        "counts": {
            "docs": len(examples),
            "sentences": sum(len(sentence_bounds(example.reference)) for example in examples),
            "tokens": sum(len(example.reference) for example in examples),
            "gold_entities": gold.total(),
            "predicted_entities": predicted.total(),
        },
        "seqeval": seqeval_scores(pairs, gold=gold, predicted=predicted),
        "spacy": spacy_scores(examples),
        "conlleval": conlleval_scores(*sentence_tags(examples)),
    }
    check_agreement(result["seqeval"], result["spacy"])
    right = int(count_entities(examples).tp.sum())
    strict = {"gold": gold.total(), "predicted": predicted.total(), "right": right}
    result["differences"] = explain(result["conlleval"], strict)
    if not gold:
        result["warning"] = "The corpus has no gold entities: recall and F1 are 0.0 by convention."
    elif not predicted:
        result["warning"] = "The pipeline predicted no entities: precision and F1 are 0.0 by convention."
    return result


def seqeval_scores(
    pairs: Iterable[tuple[list[str], list[str]]], *, gold: Counter[str], predicted: Counter[str]
) -> dict[str, Any]:
    """Compute token accuracy and strict entity precision, recall and F1 with seqeval.

    pairs (Iterable[tuple[list[str], list[str]]]): Gold and predicted IOB2 tags of each sentence.
    gold (Counter[str]): How often the gold annotation has each label.
    predicted (Counter[str]): How often the prediction has each label.
    RETURNS (dict): `accuracy`, `precision`, `recall`, `f1` (micro averages) and `per_label`.
    Source: github.com/chakki-works/seqeval, seqeval/metrics/v1.py (mode="strict").
    """
    from seqeval.metrics import accuracy_score, classification_report
    from seqeval.scheme import IOB2

    gold_tags, predicted_tags = (list(side) for side in zip(*pairs, strict=True))
    accuracy = float(accuracy_score(gold_tags, predicted_tags))
    if not gold and not predicted:  # seqeval's report fails on a corpus without any entity
        return {"accuracy": accuracy, "precision": 0.0, "recall": 0.0, "f1": 0.0, "per_label": {}}
    report = classification_report(
        gold_tags, predicted_tags, mode="strict", scheme=IOB2, output_dict=True, zero_division=0
    )
    return {
        "accuracy": accuracy,
        **_precision_recall_f1(report["micro avg"]),
        "per_label": {
            label: {**_precision_recall_f1(report[label]), "gold": gold[label], "predicted": predicted[label]}
            for label in sorted(gold | predicted)
        },
    }


def spacy_scores(examples: Iterable[Example]) -> dict[str, Any]:
    """Compute `ents_p`, `ents_r`, `ents_f` and `ents_per_type` as spaCy's Scorer does.

    examples (Iterable[Example]): Predicted and gold Docs in pairs.
    RETURNS (dict): Fractions; 0.0 where spaCy says None because there is no entity at all.
    """
    scores = get_ner_prf(examples)
    return {
        **{key: scores[key] or 0.0 for key in ("ents_p", "ents_r", "ents_f")},
        "ents_per_type": dict(sorted((scores["ents_per_type"] or {}).items())),
    }


def check_agreement(seqeval: dict[str, Any], spacy: dict[str, Any]) -> None:
    """Check that two independent counts of the same entities come to the same scores.

    seqeval (dict): What `seqeval_scores` returned.
    spacy (dict): What `spacy_scores` returned.
    RAISES (ValueError): If precision, recall or F1, overall or of a label, differ by more than 1e-9.
    """
    rows = [("all labels", seqeval, {key: spacy[f"ents_{key}"] for key in "prf"})]
    for label, scores in seqeval["per_label"].items():
        rows.append((label, scores, spacy["ents_per_type"].get(label, dict.fromkeys("prf", 0.0))))
    for where, ours, theirs in rows:
        for name, key in (("precision", "p"), ("recall", "r"), ("f1", "f")):
            if abs(ours[name] - theirs[key]) > AGREEMENT:
                raise ValueError(
                    f"seqeval and spaCy disagree on the {name} of {where}: seqeval {ours[name]:.12f}, "
                    f"spaCy {theirs[key]:.12f}. On equal tokens they must agree."
                )


def _precision_recall_f1(row: dict[str, Any]) -> dict[str, float]:
    return {
        "precision": float(row["precision"]),
        "recall": float(row["recall"]),
        "f1": float(row["f1-score"]),
    }
