"""Buckets of entities and sentences."""

import pytest

from spacy_llama_ner.analysis.factors import BUCKETS, casing, entity_buckets, sentence_buckets


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Oslo", "Title"),
        ("Bank of Norway", "Title"),
        ("Seán O'Neill", "Title"),
        ("Baden-baden", "Title"),
        ("Studio 54", "Title"),
        ("NATO", "ALL CAPS"),
        ("U.N.", "ALL CAPS"),
        ("F-16", "ALL CAPS"),
        ("peso", "lower"),
        ("the Hague", "Mixed"),
        ("McAdam", "Mixed"),
        ("eShop", "Mixed"),
        ("AC Bergen", "Mixed"),
        ("1996", "no letters"),
    ],
)
def test_casing_of_names(text, expected):
    assert casing(text.split()) == expected


NAMES = {"Oslo": {"LOC"}, "New York": {"LOC", "ORG"}}


@pytest.mark.parametrize(
    ("text", "label", "expected"),
    [
        ("Oslo", "LOC", "seen with this label"),
        ("New York", "ORG", "seen with this label"),
        ("Oslo", "ORG", "seen with another label"),
        ("oslo", "LOC", "unseen"),
    ],
)
def test_entity_buckets_seen(text, label, expected):
    assert entity_buckets(text.split(), label, names=NAMES)["seen"] == expected


def test_entity_buckets_seen_is_unknown_without_names():
    assert "seen" not in entity_buckets(["Oslo"], "LOC", names=None)


@pytest.mark.parametrize(("tokens", "bucket"), [(1, "1"), (3, "3"), (4, "4+"), (9, "4+")])
def test_entity_buckets_length(tokens, bucket):
    assert entity_buckets(["A"] * tokens, "LOC", names=None)["entity_length"] == bucket


@pytest.mark.parametrize(
    ("tokens", "bucket"), [(1, "1-5"), (5, "1-5"), (6, "6-10"), (20, "11-20"), (21, "21-30"), (99, "31+")]
)
def test_sentence_buckets_length(tokens, bucket):
    assert sentence_buckets(["a"] * tokens, number=None)["sentence_length"] == bucket


@pytest.mark.parametrize(
    ("text", "bucket"), [("OSLO , 3 MAY", "ALL CAPS"), ("OSLO , 3 May", "other"), ("1 2", "other")]
)
def test_sentence_buckets_casing(text, bucket):
    assert sentence_buckets(text.split(), number=None)["sentence_casing"] == bucket


@pytest.mark.parametrize(("number", "bucket"), [(1, "1"), (2, "2"), (5, "3-5"), (10, "6-10"), (11, "11+")])
def test_sentence_buckets_position(number, bucket):
    assert sentence_buckets(["a"], number=number)["document_position"] == bucket
    assert bucket in BUCKETS["document_position"]
