"""Rules about names of a certain form in a certain context. Their labels are CoNLL-2003's."""

import re
from collections.abc import Iterator, Sequence

from spacy_llama_ner.analysis.advice import Advice, contrast
from spacy_llama_ner.analysis.factors import LOWER, NO_CASE, casing
from spacy_llama_ner.analysis.types import BOUNDARY, Outcome

SHORT_SENTENCE = 10  # tokens
LONG_ENTITY = 4  # tokens
_NUMBER = re.compile(r"\d+([-:.,]\d+)*")


def brands(outcomes: Sequence[Outcome]) -> Iterator[Advice]:
    """One-word names with a capital, between ORG and MISC."""
    labels = {"ORG", "MISC"}
    found = contrast(
        _with_gold(outcomes, labels),
        group=_is_capitalised_word,
        error=lambda outcome: _swaps(outcome, labels),
    )
    if found.stands_out:
        yield Advice(
            "brand names",
            f"{found.group} of the capitalised one-word names in ORG and MISC got the other of these two "
            f"labels, against {found.rest} of the other names there.",
            {**found.evidence, **_directions(found.errors)},
            "A brand or a product is named like its maker, and a single word has no inner context that "
            "tells them apart.",
            "Add training sentences in which such names stand for the firm and for the product; train on "
            "whole articles (convert --unit article), where another mention may settle it; a larger "
            "backbone knows more names.",
            found.errors,
        )


def places_in_short_sentences(outcomes: Sequence[Outcome]) -> Iterator[Advice]:
    """Wrong boundaries of locations of several words in short sentences."""
    several_words = [outcome for outcome in _with_gold(outcomes, {"LOC"}) if _length(outcome) > 1]
    found = contrast(
        several_words,
        group=lambda outcome: len(outcome.sentence.words) <= SHORT_SENTENCE,
        error=lambda outcome: outcome.kind == BOUNDARY,
    )
    if found.stands_out:
        yield Advice(
            "places in short sentences",
            f"{found.group} of the LOC of several words in sentences of at most {SHORT_SENTENCE} tokens "
            f"have wrong boundaries, against {found.rest} in longer ones.",
            {**found.evidence, "sentence_tokens": SHORT_SENTENCE},
            "A short sentence, such as a dateline or a table's row, has no verb or article that shows "
            "where a name ends.",
            "Train and predict on whole articles (convert --unit article), so that the neighbouring "
            "sentences are in the window; add training rows of this form.",
            found.errors,
        )


def teams_named_by_city(outcomes: Sequence[Outcome]) -> Iterator[Advice]:
    """Confusions of ORG and LOC in names that the corpus has with both labels, as teams and as places."""
    labels = {"ORG", "LOC"}
    known = _with_gold(outcomes, labels)
    places, teams = ({x.entity.text for x in known if x.entity.label == label} for label in ("LOC", "ORG"))
    found = contrast(
        known,
        group=lambda outcome: outcome.entity.text in places & teams,
        error=lambda outcome: _swaps(outcome, labels),
    )
    if found.stands_out:
        results = sum(map(_has_results, found.errors))
        yield Advice(
            "teams named by city",
            f"{found.group} of the names that the corpus has both as ORG and as LOC got the other of these "
            f"two labels, against {found.rest} of the other ORG and LOC; {results:,} of these errors are in "
            "lines full of numbers, as sports results are.",
            {**found.evidence, **_directions(found.errors), "in_results": results},
            "A city's or country's name stands for its team, or its government, and the sentence alone may "
            "not tell.",
            "Train and predict on whole articles (convert --unit article): the headline names the sport; "
            "add result tables to the training corpus; check that the guidelines are kept in them.",
            found.errors,
        )


def long_names_cut(outcomes: Sequence[Outcome]) -> Iterator[Advice]:
    """Long entities of which only a part is found."""
    several_words = [outcome for outcome in outcomes if outcome.gold and _length(outcome) > 1]
    found = contrast(several_words, group=lambda outcome: _length(outcome) >= LONG_ENTITY, error=_is_cut)
    if found.stands_out:
        yield Advice(
            "long names cut",
            f"Only a part was found of {found.group} of the entities of {LONG_ENTITY} and more tokens, "
            f"against {found.rest} of those with 2 or 3.",
            {**found.evidence, "entity_tokens": LONG_ENTITY},
            "Long names are rare in training, and they hold words that end a name elsewhere (of, and, "
            "commas).",
            "Add long names to the training corpus; keep use_crf = true and give compound_loss.crf_weight "
            "more of the sum; a higher lora_rank.",
            found.errors,
        )


def _with_gold(outcomes: Sequence[Outcome], labels: set[str]) -> list[Outcome]:
    return [outcome for outcome in outcomes if outcome.gold and outcome.gold.label in labels]


def _swaps(outcome: Outcome, labels: set[str]) -> bool:
    """Whether gold and prediction have different labels of these."""
    gold, predicted = outcome.gold, outcome.predicted
    return bool(gold and predicted and {gold.label, predicted.label} == labels)


def _length(outcome: Outcome) -> int:
    return outcome.entity.end - outcome.entity.start


def _is_capitalised_word(outcome: Outcome) -> bool:
    words = outcome.sentence.words[outcome.entity.start : outcome.entity.end]
    return len(words) == 1 and casing(words) not in (LOWER, NO_CASE)


def _has_results(outcome: Outcome) -> bool:
    words = outcome.sentence.words
    numbers = sum(_NUMBER.fullmatch(word) is not None for word in words)
    return numbers >= 2 and numbers >= 0.2 * len(words)


def _is_cut(outcome: Outcome) -> bool:
    gold, predicted = outcome.gold, outcome.predicted
    if gold is None or predicted is None:
        return False
    inside = gold.start <= predicted.start and predicted.end <= gold.end
    return inside and predicted.end - predicted.start < gold.end - gold.start


def _directions(errors: Sequence[Outcome]) -> dict[str, int]:
    """Count the errors by "gold as predicted"."""
    counts: dict[str, int] = {}
    for error in errors:
        if error.gold and error.predicted:
            direction = f"{error.gold.label} as {error.predicted.label}"
            counts[direction] = counts.get(direction, 0) + 1
    return dict(sorted(counts.items()))
