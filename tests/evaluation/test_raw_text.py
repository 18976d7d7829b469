"""Scores on text that the pipeline tokenizes itself."""

import pytest
import spacy
from ruler import make_gold, make_ruler
from spacy.language import Language
from spacy.tokens import Doc

from spacy_llama_ner.evaluation.raw_text import score_raw_text


def test_score_raw_text_counts_as_on_gold_tokens():
    nlp = make_ruler()
    gold = make_gold(nlp, [("Lisbon slept .", ["B-LOC", "O", "O"]), ("Oslo froze .", ["B-LOC", "O", "O"])])
    scores = score_raw_text(nlp, [gold])
    assert scores["precision"] == 1.0
    assert scores["recall"] == 0.5
    assert scores["f1"] == pytest.approx(2 / 3)
    assert scores["per_label"].keys() == {"LOC"}


def test_score_raw_text_is_strict_about_characters():
    """spaCy's Scorer would align the half token with the whole one."""
    nlp = spacy.blank("en")
    nlp.add_pipe("entity_ruler").add_patterns([{"label": "LOC", "pattern": "Lisbon"}])
    gold = Doc(nlp.vocab, words=["Lisbon/Porto", "slept"], ents=["B-LOC", "O"])
    assert [ent.text for ent in nlp(gold.text).ents] == ["Lisbon"]
    assert score_raw_text(nlp, [gold])["f1"] == 0.0


def test_score_raw_text_counts_a_wrong_label_twice():
    nlp = make_ruler()
    gold = Doc(nlp.vocab, words=["Lisbon", "slept"], ents=["B-ORG", "O"])
    scores = score_raw_text(nlp, [gold])
    assert (scores["precision"], scores["recall"]) == (0.0, 0.0)
    assert scores["per_label"].keys() == {"LOC", "ORG"}


def test_score_raw_text_without_entities():
    nlp = make_ruler()
    assert score_raw_text(nlp, [Doc(nlp.vocab, words=["Rain"], ents=["O"])]) == {
        "precision": 0.0,
        "recall": 0.0,
        "f1": 0.0,
        "per_label": {},
    }


def test_score_raw_text_refuses_changed_text():
    @Language.component("shout")
    def shout(doc):
        return Doc(doc.vocab, words=[token.text.upper() for token in doc])

    nlp = spacy.blank("en")
    nlp.add_pipe("shout")
    with pytest.raises(ValueError, match="changed the text of doc 1"):
        score_raw_text(nlp, [Doc(nlp.vocab, words=["Rain"], ents=["O"])])
