"""Analyse the errors of a pipeline on a corpus."""

from collections.abc import Mapping, Sequence
from typing import Any

from spacy.training import Example

from spacy_llama_ner.analysis.advice import advise
from spacy_llama_ner.analysis.items import list_errors, rank_confusions
from spacy_llama_ner.analysis.matching import match_all
from spacy_llama_ner.analysis.rules import RULES
from spacy_llama_ner.analysis.sentences import cut_sentences
from spacy_llama_ner.analysis.tabulation import confusion_matrix, count_all, count_errors, count_factors
from spacy_llama_ner.analysis.types import CORRECT

EXAMPLES = 5


def analyze(examples: Sequence[Example], *, names: Mapping[str, set[str]] | None = None) -> dict[str, Any]:
    """Class every error, count where errors fall, and say what may help.

    examples (Sequence[Example]): Predicted and gold Docs on the same tokens, every gold token annotated.
    names (Mapping[str, set[str]] | None): What `evaluation.seen.collect_names` found in the training corpus;
        without it, nothing is said about seen and unseen names.
    RETURNS (dict): Plain data for JSON; fractions from 0 to 1.
        `counts`: see `count_all`. `errors`: class -> count; gold = correct + boundary + label + boundary and label +
        missed, predicted = the same with spurious instead of missed (see `match`).
        `confusion`: `labels`, `matrix` and `boundary`, see `confusion_matrix`.
        `factors`: factor -> rows of buckets, or None where it is not known, see `count_factors`.
        `confusions`: errors by class and labels with up to 5 examples each, most frequent first, see
        `rank_confusions`.
        `advice`: what stands out, with evidence, a likely reason and what to try, see `advise`.
        `items`: every error with its sentence and buckets, see `list_errors`. It quotes the corpus, as the examples of
        `confusions` do; nothing else does.
    """
    sentences = cut_sentences(examples, names=names)
    outcomes = match_all(sentences)
    errors = [outcome for outcome in outcomes if outcome.kind != CORRECT]
    return {
        "counts": count_all(sentences, outcomes),
        "errors": count_errors(outcomes),
        "confusion": confusion_matrix(outcomes),
        "factors": count_factors(outcomes),
        "confusions": rank_confusions(errors, examples=EXAMPLES),
        "advice": advise(outcomes, RULES),
        "items": list_errors(errors),
    }
