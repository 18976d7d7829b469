"""Rules about groups of gold entities that are found less often than the others."""

from collections import Counter
from collections.abc import Iterator, Sequence

from spacy_llama_ner.analysis.advice import Advice, Contrast, contrast
from spacy_llama_ner.analysis.factors import (
    DOCUMENT_POSITION,
    LABEL,
    SEEN,
    SEEN_OTHER,
    SEEN_SAME,
    SENTENCE_CASING,
    SENTENCE_UPPER,
    UNSEEN,
)
from spacy_llama_ner.analysis.types import BOUNDARY, BOUNDARY_AND_LABEL, CORRECT, MISSED, Outcome
from spacy_llama_ner.analysis.types import LABEL as WRONG_LABEL

# By the commonest class of a label's errors: likely reason, what to try.
_WEAK_LABEL = {
    MISSED: (
        "The pipeline does not take many of these for names at all.",
        "Add sentences with this label to the training corpus, in the contexts of the errors; look for "
        "unmarked ones in it (check-corpus).",
    ),
    WRONG_LABEL: (
        "Its names look like those of other labels, or the annotation is not clear about them.",
        "Look whether the guidelines settle its confusions (check-corpus lists forms with several "
        "labels); add sentences that show the difference.",
    ),
    BOUNDARY: (
        "Where its names begin and end is learned from few examples, or annotated in several ways.",
        "Check the annotation of articles, titles and punctuation at its edges; add longer names of this "
        "label.",
    ),
}
_WEAK_LABEL[BOUNDARY_AND_LABEL] = _WEAK_LABEL[WRONG_LABEL]


def unseen_names(outcomes: Sequence[Outcome]) -> Iterator[Advice]:
    """Names that training did not show, against those that it did."""
    known = [x for x in outcomes if _bucket(x, SEEN) in (SEEN_SAME, UNSEEN)]
    found = _not_found(known, SEEN, UNSEEN)
    if found.stands_out:
        yield Advice(
            "unseen names",
            f"{found.group} of the names that are not in the training corpus are wrong, against "
            f"{found.rest} of those that are there with the same label.",
            found.evidence,
            "What training showed is remembered; other names must be told by their context and their form.",
            "More different names in training rather than more mentions of the same; a backbone that has "
            "read more; more regularisation ([training] dropout, lora_dropout), fewer max_epochs.",
            found.errors,
        )


def ambiguous_names(outcomes: Sequence[Outcome]) -> Iterator[Advice]:
    """Names that training showed with another label only, against those it did not show."""
    known = [x for x in outcomes if _bucket(x, SEEN) in (SEEN_OTHER, UNSEEN)]
    found = _not_found(known, SEEN, SEEN_OTHER)
    if found.stands_out:
        yield Advice(
            "names known with another label",
            f"{found.group} of the names that the training corpus has with another label alone are wrong, "
            f"against {found.rest} of those that it does not have.",
            found.evidence,
            "The pipeline goes by the name that it remembers, against the context.",
            "Check that both corpora follow the same guidelines; add sentences where these names have both "
            "labels; fewer max_epochs, more dropout.",
            found.errors,
        )


def upper_case_sentences(outcomes: Sequence[Outcome]) -> Iterator[Advice]:
    """Sentences all in capitals, such as headlines."""
    found = _not_found(_with_gold(outcomes), SENTENCE_CASING, SENTENCE_UPPER)
    if found.stands_out:
        yield Advice(
            "sentences in capitals",
            f"{found.group} of the entities in sentences all in capitals are wrong, against {found.rest} in "
            "others.",
            found.evidence,
            "Without small letters the form says nothing, and the words fall into other, rarer pieces.",
            "Add a copy of some training sentences in capitals (an augmenter under "
            "[corpora.train.augmenter]); train on whole articles (convert --unit article), where the text "
            "below repeats a headline's names.",
            found.errors,
        )


def first_sentences(outcomes: Sequence[Outcome]) -> Iterator[Advice]:
    """The first sentences of Docs, against the others."""
    known = [x for x in outcomes if _bucket(x, DOCUMENT_POSITION) is not None]
    found = _not_found(known, DOCUMENT_POSITION, "1")
    if found.stands_out:
        yield Advice(
            "first sentences",
            f"{found.group} of the entities in the first sentence of a doc are wrong, against {found.rest} "
            "further on.",
            found.evidence,
            "Headlines leave out articles and verbs and come before the context that explains them.",
            'Keep attention = "bidirectional" and a window long enough to hold what follows '
            "(model.get_spans); more headlines "
            "in training.",
            found.errors,
        )


def weak_labels(outcomes: Sequence[Outcome]) -> Iterator[Advice]:
    """Labels that are found less often than the others."""
    gold = _with_gold(outcomes)
    for label in sorted({outcome.entity.label for outcome in gold}):
        found = _not_found(gold, LABEL, label)
        if found.stands_out:
            kinds = Counter(error.kind for error in found.errors)
            commonest = max(sorted(kinds), key=kinds.__getitem__)
            reason, to_try = _WEAK_LABEL[commonest]
            yield Advice(
                f"weak label {label}",
                f"{found.group} of the {label} are wrong, against {found.rest} of the other labels; the "
                f"commonest error is {commonest} ({kinds[commonest]:,}).",
                {**found.evidence, "by_class": dict(sorted(kinds.items()))},
                reason,
                to_try,
                found.errors,
            )


def _not_found(outcomes: Sequence[Outcome], factor: str, bucket: str) -> Contrast:
    """Compare how many gold entities are wrong in a bucket and outside."""
    return contrast(
        outcomes, group=lambda x: _bucket(x, factor) == bucket, error=lambda outcome: outcome.kind != CORRECT
    )


def _with_gold(outcomes: Sequence[Outcome]) -> list[Outcome]:
    return [outcome for outcome in outcomes if outcome.gold]


def _bucket(outcome: Outcome, factor: str) -> str | None:
    """RETURNS (str | None): The gold entity's bucket; None without one."""
    return outcome.gold.buckets.get(factor) if outcome.gold else None
