"""The whole analysis, counted by hand."""

import json

import pytest
from outcomes import make_example

from spacy_llama_ner.analysis.analyze import analyze

# Correct: Ann. Boundary: Acme Bank. Label: Oslo (LOC as ORG). Both: Rio Grande (MISC as LOC "Rio").
# Missed: Bo. Spurious: "Sunday" (MISC).
TEXT = "Ann left Acme Bank in Oslo / Bo saw Rio Grande on Sunday"
GOLD = "PER O ORG I-ORG O LOC / PER O MISC I-MISC O O"
PREDICTED = "PER O ORG O O ORG / O O LOC O O MISC"


@pytest.fixture
def result(set_scores):
    set_scores({"Ann": 0.9, "Acme": 0.8, "Oslo": 0.7, "Rio": 0.6, "Sunday": 0.5})
    return analyze([make_example(TEXT, GOLD, PREDICTED)], names={"Ann": {"PER"}, "Oslo": {"ORG"}})


def test_analyze_counts(result):
    assert result["counts"] == {
        "docs": 1,
        "sentences": 2,
        "tokens": 12,
        "gold": 5,
        "predicted": 5,
        "correct": 1,
    }
    assert result["errors"] == {
        "boundary": 1,
        "label": 1,
        "boundary and label": 1,
        "missed": 1,
        "spurious": 1,
    }


def test_analyze_confusion(result):
    confusion = result["confusion"]
    assert confusion["labels"] == ["LOC", "MISC", "ORG", "PER", "O"]
    assert confusion["matrix"] == [
        [0, 0, 1, 0, 0],
        [1, 0, 0, 0, 0],
        [0, 0, 1, 0, 0],
        [0, 0, 0, 1, 1],
        [0, 1, 0, 0, 0],
    ]
    boundary = [[0] * 5 for _ in range(5)]
    boundary[1][0] = boundary[2][2] = 1
    assert confusion["boundary"] == boundary


def test_analyze_factor_rows(result):
    no_errors = {"boundary": 0, "label": 0, "boundary and label": 0, "missed": 0, "spurious": 0}
    assert result["factors"]["seen"] == [
        {
            "bucket": "seen with this label",
            "gold": 1,
            "predicted": 2,  # Oslo is an ORG in training, and was predicted as one
            "correct": 1,
            "recall": 1.0,
            "precision": 0.5,
            "errors": no_errors,
        },
        {
            "bucket": "seen with another label",
            "gold": 1,
            "predicted": 0,
            "correct": 0,
            "recall": 0.0,
            "precision": None,
            "errors": {**no_errors, "label": 1},
        },
        {
            "bucket": "unseen",
            "gold": 3,
            "predicted": 3,
            "correct": 0,
            "recall": 0.0,
            "precision": 0.0,
            "errors": {**no_errors, "boundary": 1, "boundary and label": 1, "missed": 1, "spurious": 1},
        },
    ]


def test_analyze_each_factor_has_every_entity(result):
    for rows in result["factors"].values():
        assert sum(row["gold"] for row in rows) == sum(row["predicted"] for row in rows) == 5
        for row in rows:
            assert row["gold"] == row["correct"] + sum(row["errors"].values()) - row["errors"]["spurious"]


def test_analyze_unknown_factors_are_none():
    factors = analyze([make_example("Ann slept", "PER O", "O O")])["factors"]
    assert {name for name, rows in factors.items() if rows is None} == {"seen", "document_position"}


def test_analyze_items_have_everything_to_show(result):
    classes = ["boundary", "label", "missed", "boundary and label", "spurious"]
    assert [(item["id"], item["class"]) for item in result["items"]] == list(enumerate(classes, start=1))
    item = result["items"][3]
    rio = {"start": 7, "end": 10, "label": "LOC", "text": "Rio", "score": 0.6}
    grande = {"start": 7, "end": 17, "label": "MISC", "text": "Rio Grande"}
    assert (item["predicted"], item["gold"]) == (rio, grande)
    assert (item["doc"], item["sentence"], item["text"]) == (1, 2, "Bo saw Rio Grande on Sunday")
    assert item["gold_entities"] == [{"start": 0, "end": 2, "label": "PER", "text": "Bo"}, grande]
    assert [entity["text"] for entity in item["predicted_entities"]] == ["Rio", "Sunday"]
    assert item["buckets"] == {
        "label": "MISC",
        "entity_length": "2",
        "casing": "Title",
        "seen": "unseen",
        "sentence_length": "6-10",
        "sentence_casing": "other",
        "document_position": "2",
    }
    assert (result["items"][2]["predicted"], result["items"][4]["gold"]) == (None, None)


def test_analyze_is_plain_data(result):
    assert json.loads(json.dumps(result)) == result


def test_analyze_confusions_most_frequent_first_most_confident_example_first(set_scores):
    set_scores({"Rio": 0.6, "Oslo": 0.9, "Bergen": 0.7})
    text = "Rio Oslo Oslo Bergen Ann"
    result = analyze([make_example(text, "LOC LOC LOC LOC PER", "ORG ORG ORG ORG O")])
    confusions = [(x["class"], x["gold"], x["predicted"], x["count"]) for x in result["confusions"]]
    assert confusions == [("label", "LOC", "ORG", 4), ("missed", "PER", None, 1)]
    examples = result["confusions"][0]["examples"]
    assert [(x["id"], x["gold"], x["score"]) for x in examples] == [
        (2, "Oslo", 0.9),
        (4, "Bergen", 0.7),
        (1, "Rio", 0.6),
    ]
    assert examples[0]["text"] == text


def test_analyze_without_entities():
    result = analyze([make_example("It rained", "O O", "O O")])
    assert result["counts"]["gold"] == result["counts"]["predicted"] == 0
    assert result["confusion"] == {"labels": ["O"], "matrix": [[0]], "boundary": [[0]]}
    assert (result["confusions"], result["advice"], result["items"]) == ([], [], [])
