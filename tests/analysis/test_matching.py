"""Pairs of gold and predicted entities."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from outcomes import make_example, outcomes_of

from spacy_llama_ner.analysis.matching import match
from spacy_llama_ner.analysis.types import CORRECT, ERRORS, MISSED, SPURIOUS, Entity, Sentence


def kinds(gold: str, predicted: str) -> list[tuple[str, str | None, str | None]]:
    text = "Ann Lee left Acme Bank".rsplit(" ", 5 - len(gold.split()))[0]
    return [
        (x.kind, x.gold and x.gold.text, x.predicted and x.predicted.text)
        for x in outcomes_of(make_example(text, gold, predicted))
    ]


@pytest.mark.parametrize(
    ("gold", "predicted", "kind"),
    [
        ("PER I-PER", "PER I-PER", "correct"),
        ("PER I-PER", "ORG I-ORG", "label"),
        ("PER I-PER", "PER O", "boundary"),
        ("PER I-PER", "O ORG", "boundary and label"),
    ],
)
def test_match_classes_a_pair(gold, predicted, kind):
    assert [found[0] for found in kinds(gold, predicted)] == [kind]


def test_match_missed_and_spurious():
    assert kinds("PER O O", "O O ORG") == [("missed", "Ann", None), ("spurious", None, "left")]


def test_match_touching_entities_do_not_overlap():
    assert [found[0] for found in kinds("PER O", "O PER")] == ["missed", "spurious"]


def test_match_takes_the_best_overlap_first():
    # "Ann Lee left" shares 1 of 3 tokens with "Ann" and 2 of 3 with "Lee left".
    assert kinds("PER PER I-PER O O", "PER I-PER I-PER O O") == [
        ("missed", "Ann", None),
        ("boundary", "Lee left", "Ann Lee left"),
    ]


def test_match_of_equal_overlaps_takes_the_equal_label():
    assert kinds("PER I-PER", "ORG PER") == [("boundary", "Ann Lee", "Lee"), ("spurious", None, "Ann")]


def test_match_of_equal_pairs_takes_the_left_one():
    assert kinds("PER I-PER", "PER PER") == [("boundary", "Ann Lee", "Ann"), ("spurious", None, "Lee")]


def entity(start: int, end: int, label: str) -> Entity:
    return Entity(start, end, start, end, label, "x", None, {})


@st.composite
def sides(draw) -> tuple[Entity, ...]:
    """Entities that do not overlap: cut points, every piece a label or none."""
    cuts = sorted(draw(st.sets(st.integers(0, 9), max_size=8)))
    labels = draw(st.lists(st.sampled_from(["PER", "ORG", None]), min_size=len(cuts), max_size=len(cuts)))
    return tuple(
        entity(start, end, label)
        for start, end, label in zip(cuts, cuts[1:], labels, strict=False)
        if label is not None
    )


@given(gold=sides(), predicted=sides())
def test_match_counts_each_entity_once(gold, predicted):
    found = match(Sentence(1, 1, ("x",) * 10, "", gold, predicted))
    in_gold = sorted(x.gold.start for x in found if x.gold)
    in_predicted = sorted(x.predicted.start for x in found if x.predicted)
    assert in_gold == [x.start for x in gold]
    assert in_predicted == [x.start for x in predicted]
    count = {kind: sum(x.kind == kind for x in found) for kind in (CORRECT, *ERRORS)}
    assert sum(count.values()) - count[SPURIOUS] == len(gold)
    assert sum(count.values()) - count[MISSED] == len(predicted)


@given(gold=sides(), predicted=sides())
def test_match_finds_every_correct_one(gold, predicted):
    found = match(Sentence(1, 1, ("x",) * 10, "", gold, predicted))
    keys = [{(x.start, x.end, x.label) for x in side} for side in (gold, predicted)]
    assert sum(x.kind == CORRECT for x in found) == len(keys[0] & keys[1])


@given(gold=sides(), predicted=sides())
def test_match_leaves_no_overlap_unpaired(gold, predicted):
    found = match(Sentence(1, 1, ("x",) * 10, "", gold, predicted))
    missed = [x.gold for x in found if x.kind == MISSED]
    spurious = [x.predicted for x in found if x.kind == SPURIOUS]
    assert not [(g, p) for g in missed for p in spurious if g.start < p.end and p.start < g.end]
