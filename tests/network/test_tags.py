import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_llama_ner.network.tags import (
    begin_tag,
    inside_tag,
    legal_starts,
    legal_transitions,
    spans_to_tags,
    tag_names,
    tags_to_spans,
)


@st.composite
def legal_tags(draw):
    """Draw a legal tag sequence over three labels."""
    legal = legal_transitions(3).tolist()
    tags, options = [], legal_starts(3).tolist()
    for _ in range(draw(st.integers(0, 12))):
        tags.append(draw(st.sampled_from([tag for tag, ok in enumerate(options) if ok])))
        options = legal[tags[-1]]
    return tags


def is_legal(tags, n_labels):
    """Judge a tag sequence by its names, as CoNLL's evaluation reads them."""
    names = ["O", *(f"{prefix}-{label}" for label in range(n_labels) for prefix in "BI")]
    before = "O"
    for tag in tags:
        if names[tag][0] == "I" and before not in (f"B-{names[tag][2:]}", f"I-{names[tag][2:]}"):
            return False
        before = names[tag]
    return True


def test_tag_names_keeps_label_order():
    assert tag_names(["PER", "ORG", "LOC"]) == ["O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC"]


def test_tag_names_without_labels_is_outside_alone():
    assert tag_names([]) == ["O"]


def test_tag_ids_match_tag_names():
    labels = ["PER", "ORG"]
    names = tag_names(labels)
    assert [(names[begin_tag(i)], names[inside_tag(i)]) for i in range(2)] == [
        ("B-PER", "I-PER"),
        ("B-ORG", "I-ORG"),
    ]


@pytest.mark.parametrize("n_labels", [0, 1, 4])
def test_legal_starts_excludes_inside_tags(n_labels):
    assert legal_starts(n_labels).tolist() == [is_legal([tag], n_labels) for tag in range(2 * n_labels + 1)]


@pytest.mark.parametrize("n_labels", [0, 1, 4])
def test_legal_transitions_allows_inside_only_after_its_label(n_labels):
    tags = range(2 * n_labels + 1)
    inside = [0, *itertools.chain.from_iterable((0, begin_tag(label)) for label in range(n_labels))]
    for before, tag in itertools.product(tags, tags):
        # An I tag at `before` needs its own B tag first.
        path = [inside[before], before, tag] if inside[before] else [before, tag]
        assert legal_transitions(n_labels)[before, tag].item() == is_legal(path, n_labels)


def test_tags_to_spans_splits_adjacent_entities():
    assert tags_to_spans([1, 2, 1, 3, 4, 4, 0, 3]) == [(0, 2, 0), (2, 3, 0), (3, 6, 1), (7, 8, 1)]


def test_tags_to_spans_of_nothing_is_empty():
    assert tags_to_spans([]) == []


@given(legal_tags())
def test_tags_to_spans_round_trip(tags):
    assert spans_to_tags(tags_to_spans(tags), len(tags)) == tags


@given(legal_tags(), st.randoms())
def test_spans_to_tags_ignores_order(tags, random):
    spans = tags_to_spans(tags)
    shuffled = random.sample(spans, len(spans))
    assert tags_to_spans(spans_to_tags(shuffled, len(tags))) == spans


@given(st.lists(st.integers(0, 4), max_size=6))
def test_tags_to_spans_accepts_exactly_the_legal(tags):
    if is_legal(tags, 2):
        tags_to_spans(tags)
        return
    with pytest.raises(ValueError, match="Illegal tag"):
        tags_to_spans(tags)


@pytest.mark.parametrize(
    ("tags", "message"),
    [
        ([2], "Illegal tag 2 at position 0: expected tag 1 or 2 before it, got the start"),
        ([1, 0, 2], "Illegal tag 2 at position 2: expected tag 1 or 2 before it, got 0"),
        ([0, 1, 2, 4], "Illegal tag 4 at position 3: expected tag 3 or 4 before it, got 2"),
        ([0, -1], "tag id of 0 or more at position 1, got -1"),
    ],
)
def test_tags_to_spans_names_the_illegal_position(tags, message):
    with pytest.raises(ValueError, match=message):
        tags_to_spans(tags)


@pytest.mark.parametrize(
    ("spans", "message"),
    [
        ([(0, 2, 0), (1, 3, 0)], r"do not overlap, but \(1, 3, 0\)"),
        ([(2, 4, 0), (1, 3, 1)], r"do not overlap, but \(1, 3, 1\)"),
        ([(3, 5, 0)], r"start < end <= 4, got \(3, 5, 0\)"),
        ([(-1, 1, 0)], r"start < end <= 4, got \(-1, 1, 0\)"),
        ([(2, 2, 0)], r"start < end <= 4, got \(2, 2, 0\)"),
        ([(0, 1, -1)], r"label id of 0 or more, got -1 in span \(0, 1, -1\)"),
    ],
)
def test_spans_to_tags_refuses_bad_spans(spans, message):
    with pytest.raises(ValueError, match=message):
        spans_to_tags(spans, 4)
