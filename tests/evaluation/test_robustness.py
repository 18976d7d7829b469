"""Scores on the same corpus in other forms."""

import pytest
from ruler import make_gold, make_ruler

from spacy_llama_ner.evaluation.robustness import score_variants


def test_score_variants_of_a_pipeline_that_knows_one_form():
    """The ruler's patterns are in the usual case; "LISBON" is in capitals in the corpus itself."""
    nlp = make_ruler()
    nlp.get_pipe("entity_ruler").add_patterns([{"label": "LOC", "pattern": "LISBON"}])
    gold = [make_gold(nlp, [("Lisbon met Norway .", ["B-LOC", "O", "B-LOC", "O"])])]
    scores = score_variants(nlp, gold, f1=1.0)
    assert scores["upper"] == {
        "precision": 1.0,
        "recall": 0.5,
        "f1": pytest.approx(2 / 3),
        "drop": pytest.approx(1 / 3),
        "changed_words": 3,
    }
    assert (scores["lower"]["f1"], scores["lower"]["drop"], scores["lower"]["changed_words"]) == (0.0, 1.0, 2)


def test_score_variants_typos_hurt_where_words_change():
    nlp = make_ruler()
    gold = [make_gold(nlp, [("Lisbon", ["B-LOC"])]) for _ in range(300)]
    typos = score_variants(nlp, gold, f1=1.0, seed=3)["typos"]
    assert 10 < typos["changed_words"] < 60
    assert typos["recall"] == pytest.approx(1 - typos["changed_words"] / 300)
    assert typos["seed"] == 3


def test_score_variants_compares_with_the_given_f1():
    nlp = make_ruler()
    gold = [make_gold(nlp, [("Oslo", ["B-LOC"])])]
    assert score_variants(nlp, gold, f1=0.25)["lower"]["drop"] == 0.25
