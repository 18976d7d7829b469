import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_llama_ner.corpus.tagging import iob2_spans, is_iob_tag, orphans, to_iob1, to_iob2

TAGS = st.lists(st.sampled_from(["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]), max_size=12)
IOB2 = TAGS.map(to_iob2)


@pytest.mark.parametrize("tag", ["O", "B-PER", "I-MISC", "B-geo-loc"])
def test_is_iob_tag_accepts(tag):
    assert is_iob_tag(tag)


@pytest.mark.parametrize("tag", ["", "o", "B-", "I", "BPER", "X-PER", "E-PER", "B-a b", "O-PER"])
def test_is_iob_tag_refuses(tag):
    assert not is_iob_tag(tag)


def test_to_iob2_begins_each_entity_of_iob1():
    iob1 = ["I-PER", "I-PER", "B-PER", "O", "I-LOC", "I-PER"]
    assert to_iob2(iob1) == ("B-PER", "I-PER", "B-PER", "O", "B-LOC", "B-PER")


@given(IOB2)
def test_to_iob2_leaves_iob2_unchanged(tags):
    assert to_iob2(tags) == tags


@given(IOB2)
def test_to_iob1_is_inverted_by_to_iob2(tags):
    assert to_iob2(to_iob1(tags)) == tags


@given(IOB2)
def test_to_iob1_has_b_only_after_the_same_label(tags):
    assert not list(orphans(to_iob1(tags), "B-"))


@given(IOB2)
def test_iob2_spans_say_everything_of_the_tags(tags):
    rebuilt = ["O"] * len(tags)
    for start, end, label in iob2_spans(tags):
        rebuilt[start:end] = [f"B-{label}", *[f"I-{label}"] * (end - start - 1)]
    assert tuple(rebuilt) == tags


def test_iob2_spans_of_no_token():
    assert list(iob2_spans([])) == []
