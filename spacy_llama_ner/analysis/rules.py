"""Every rule, in no particular order. A new one is a function of outcomes that yields advice; add it here."""

from spacy_llama_ner.analysis.advice import Rule
from spacy_llama_ner.analysis.rules_groups import (
    ambiguous_names,
    first_sentences,
    unseen_names,
    upper_case_sentences,
    weak_labels,
)
from spacy_llama_ner.analysis.rules_names import (
    brands,
    long_names_cut,
    places_in_short_sentences,
    teams_named_by_city,
)
from spacy_llama_ner.analysis.rules_scores import confident_errors, low_scores, missed_or_spurious

RULES: tuple[Rule, ...] = (
    brands,
    places_in_short_sentences,
    teams_named_by_city,
    long_names_cut,
    unseen_names,
    ambiguous_names,
    upper_case_sentences,
    first_sentences,
    weak_labels,
    missed_or_spurious,
    low_scores,
    confident_errors,
)
