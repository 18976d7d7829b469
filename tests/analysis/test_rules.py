"""Each rule speaks where its numbers are there, and is silent where they are not."""

import pytest
from outcomes import make_outcome, right, swapped

from spacy_llama_ner.analysis import rules_groups, rules_names, rules_scores
from spacy_llama_ner.analysis.types import BOUNDARY, MISSED, SPURIOUS

LONG = "It was said in a long letter that came from old"
RESULT = "1 . 2 -"


def missed(n, label="ORG", **other):
    return [make_outcome(MISSED, label, **other) for _ in range(n)]


def spurious(n, label="ORG", **other):
    return [make_outcome(SPURIOUS, label, **other) for _ in range(n)]


def moved(n, label, words, **other):
    return [make_outcome(BOUNDARY, label, words=words, cut=1, **other) for _ in range(n)]


def check(rule, outcomes, errors, of):
    """The rule gives one piece of advice, about so many errors of so many outcomes."""
    (advice,) = rule(outcomes)
    assert len(advice.errors) == advice.evidence["errors"] == errors
    assert advice.evidence["of"] == of
    assert f"{errors:,} of {of:,}" in advice.finding
    assert advice.reason
    assert advice.to_try
    return advice


def test_brands_of_one_word():
    others = right(60, words="Acme Bank")
    outcomes = [*swapped(8, "ORG", "MISC"), *swapped(4, "MISC", "ORG"), *right(30), *others]
    advice = check(rules_names.brands, outcomes, 12, 42)
    assert advice.evidence["ORG as MISC"] == 8
    assert advice.evidence["MISC as ORG"] == 4


@pytest.mark.parametrize("words", ["acme", "Acme Bank"])
def test_brands_silent_about_other_forms(words):
    outcomes = [*swapped(12, "ORG", "MISC", words=words), *right(60)]
    assert not list(rules_names.brands(outcomes))


def test_places_in_short_sentences():
    outcomes = [*moved(6, "LOC", "New York"), *right(6, "LOC", words="New York")]
    outcomes += right(40, "LOC", words="New York", before=LONG)
    check(rules_names.places_in_short_sentences, outcomes, 6, 12)


def test_places_in_short_sentences_silent_if_long_ones_are_alike():
    outcomes = [*moved(6, "LOC", "New York"), *moved(6, "LOC", "New York", before=LONG)]
    assert not list(rules_names.places_in_short_sentences(outcomes))


def test_teams_named_by_city():
    outcomes = [
        *swapped(7, "ORG", "LOC", words="Oslo", before=RESULT),
        *swapped(2, "ORG", "LOC", words="Oslo"),
    ]
    outcomes += [*right(5, "LOC", words="Oslo"), *right(60, "LOC", words="Rio")]
    advice = check(rules_names.teams_named_by_city, outcomes, 9, 14)
    assert (advice.evidence["ORG as LOC"], advice.evidence["in_results"]) == (9, 7)


def test_teams_named_by_city_silent_about_names_of_one_label():
    outcomes = [*swapped(9, "ORG", "LOC", words="Acme"), *right(60, "LOC", words="Rio")]
    assert not list(rules_names.teams_named_by_city(outcomes))


def test_long_names_cut():
    outcomes = [*moved(6, "ORG", "Bank of New Norway"), *right(6, words="Bank of New Norway")]
    check(rules_names.long_names_cut, [*outcomes, *right(40, words="Acme Bank")], 6, 12)


def test_long_names_cut_silent_about_missed_ones():
    outcomes = [*missed(6, words="Bank of New Norway"), *right(40, words="Acme Bank")]
    assert not list(rules_names.long_names_cut(outcomes))


GROUPS = [
    (rules_groups.unseen_names, "seen", "unseen", "seen with this label"),
    (rules_groups.ambiguous_names, "seen", "seen with another label", "unseen"),
    (rules_groups.upper_case_sentences, "sentence_casing", "ALL CAPS", "other"),
    (rules_groups.first_sentences, "document_position", "1", "3-5"),
]


@pytest.mark.parametrize(("rule", "factor", "bucket", "other"), GROUPS)
def test_group_found_less_often(rule, factor, bucket, other):
    outcomes = [*missed(10, **{factor: bucket}), *right(10, **{factor: bucket})]
    outcomes += [
        *missed(5, **{factor: other}),
        *right(45, **{factor: other}),
        *spurious(9, **{factor: other}),
    ]
    advice = check(rule, outcomes, 10, 20)
    assert advice.evidence["of_elsewhere"] == 50


@pytest.mark.parametrize(("rule", "factor", "bucket", "other"), GROUPS)
def test_group_silent_if_as_good_or_unknown(rule, factor, bucket, other):
    alike = [*missed(9, **{factor: bucket}), *right(9, **{factor: bucket})]
    alike += [*missed(9, **{factor: other}), *right(9, **{factor: other})]
    assert not list(rule(alike))
    assert not list(rule([*missed(10), *right(50)]))


@pytest.mark.parametrize(
    ("errors", "kind", "word"),
    [
        (missed(10, "MISC"), "missed", "contexts"),
        (swapped(10, "MISC", "ORG"), "label", "guidelines"),
        (moved(10, "MISC", "Acme Cup"), "boundary", "edges"),
    ],
)
def test_weak_labels_says_what_to_try_by_the_commonest_class(errors, kind, word):
    advice = check(rules_groups.weak_labels, [*errors, *right(5, "MISC"), *right(60, "PER")], 10, 15)
    assert advice.rule == "weak label MISC"
    assert f"is {kind} (10)" in advice.finding
    assert word in advice.to_try


def test_weak_labels_silent_with_a_single_label():
    assert not list(rules_groups.weak_labels([*missed(10), *right(10)]))


def test_missed_rather_than_spurious():
    (advice,) = rules_scores.missed_or_spurious([*missed(12, "ORG"), *missed(8, "PER"), *spurious(4)])
    assert advice.rule == "missed rather than spurious"
    assert (advice.evidence["missed"], advice.evidence["spurious"], advice.evidence["label"]) == (
        20,
        4,
        "ORG",
    )
    assert len(advice.errors) == 20
    # 20 of 24 by a fair coin, both sides: 2 * (C(24,0) + ... + C(24,4)) / 2^24
    assert advice.evidence["p"] == pytest.approx(2 * (1 + 24 + 276 + 2024 + 10626) / 2**24)


def test_spurious_rather_than_missed_counts_low_scores():
    outcomes = [*spurious(6, score=0.3), *spurious(6, score=0.6), *spurious(8), *missed(4)]
    (advice,) = rules_scores.missed_or_spurious(outcomes)
    assert advice.rule == "spurious rather than missed"
    assert advice.evidence["low_scores"] == 6


@pytest.mark.parametrize(("misses", "inventions"), [(20, 18), (6, 3), (3, 0), (0, 0)])
def test_missed_or_spurious_silent_if_chance_or_few(misses, inventions):
    assert not list(rules_scores.missed_or_spurious([*missed(misses), *spurious(inventions)]))


def test_low_scores_say_what_a_threshold_would_do():
    outcomes = [*spurious(6, score=0.4), *spurious(4, score=0.5), *right(2, score=0.3), *right(88, score=0.9)]
    (advice,) = rules_scores.low_scores(outcomes)
    assert "catch 60.0% (6 of 10) of the wrong predictions and lose 2.2% (2 of 90)" in advice.finding
    assert advice.evidence["precision"] == pytest.approx(0.9)
    assert advice.evidence["precision_above"] == pytest.approx(88 / 92)


def test_low_scores_silent_without_scores():
    assert not list(rules_scores.low_scores([*spurious(9), *right(9)]))


def test_confident_errors():
    (advice,) = rules_scores.confident_errors([*spurious(20, score=0.95), *right(80, score=0.95)])
    assert advice.evidence["expected"] == pytest.approx(100 * 0.05)
    assert "temperature on dev (calibrate), if it was not set yet" in advice.to_try
    assert len(advice.errors) == 20


@pytest.mark.parametrize(
    ("wrong", "correct"), [(6, 94), (70, 930)]
)  # 70 is no chance, but no 1.5 times 50 either
def test_confident_errors_silent_if_scores_are_honest(wrong, correct):
    outcomes = [*spurious(wrong, score=0.95), *right(correct, score=0.95)]
    assert not list(rules_scores.confident_errors(outcomes))
