"""Lenient counts from tags, as conlleval makes them."""

import pytest
from tagged_examples import make_example

from spacy_llama_ner.evaluation.conlleval import conlleval_scores, explain, sentence_tags


def test_conlleval_scores_illegal_tags_by_hand():
    """An I- after O, after another label and at a sentence start opens an entity; a B- parts two of one label.

    Gold: PER 0-1, LOC 3; PER 0. Predicted: PER 0-1, LOC 2, PER 3; PER 0. Right: PER 0-1 and PER 0.
    """
    gold = [["B-PER", "I-PER", "O", "B-LOC"], ["B-PER", "O"]]
    predicted = [["I-PER", "I-PER", "I-LOC", "I-PER"], ["I-PER", "O"]]
    scores = conlleval_scores(gold, predicted)
    assert (scores["gold"], scores["predicted"], scores["right"]) == (3, 4, 2)
    assert scores["precision"] == pytest.approx(2 / 4)
    assert scores["recall"] == pytest.approx(2 / 3)
    assert scores["f1"] == pytest.approx(4 / 7)
    assert scores["per_label"]["PER"] == {
        "precision": pytest.approx(2 / 3),
        "recall": pytest.approx(1.0),
        "f1": pytest.approx(4 / 5),
        "gold": 2,
        "predicted": 3,
        "right": 2,
    }
    assert (scores["per_label"]["LOC"]["gold"], scores["per_label"]["LOC"]["right"]) == (1, 0)


def test_conlleval_scores_parts_entities_of_one_label_at_b():
    scores = conlleval_scores([["B-LOC", "B-LOC"]], [["B-LOC", "I-LOC"]])
    assert (scores["gold"], scores["predicted"], scores["right"]) == (2, 1, 0)


def test_conlleval_scores_never_joins_sentences():
    assert conlleval_scores([["B-LOC"], ["I-LOC"]], [["O"], ["O"]])["gold"] == 2


def test_conlleval_scores_without_entities():
    scores = conlleval_scores([["O"]], [["O"]])
    assert (scores["f1"], scores["gold"], scores["per_label"]) == (0.0, 0, {})


def test_sentence_tags_cuts_entities():
    crossing = [("They met Ann", ["O", "O", "B-PER"]), ("Lee .", ["I-PER", "O"])]
    none = [("They met Ann", ["O"] * 3), ("Lee .", ["O"] * 2)]
    gold, predicted = sentence_tags([make_example(crossing, none)])
    assert gold == [["O", "O", "B-PER"], ["I-PER", "O"]]
    assert predicted == [["O"] * 3, ["O"] * 2]


def test_explain_names_only_what_differs():
    conlleval = {"gold": 5, "predicted": 4, "right": 3}
    (sentence,) = explain(conlleval, {"gold": 5, "predicted": 3, "right": 3})
    assert sentence.startswith("conlleval counts 4 predicted entities, strict and spaCy 3")


def test_explain_agreement_is_one_sentence():
    counts = {"gold": 5, "predicted": 4, "right": 3}
    assert len(explain(counts, counts)) == 1
