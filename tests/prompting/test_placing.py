"""Finding names in the text."""

import spacy

from spacy_llama_ner.prompting.placing import place_names

NLP = spacy.blank("en")


def place(text, pairs):
    spans, counts = place_names(NLP(text), pairs)
    return [(span.text, span.label_) for span in spans], counts


def test_place_names_finds_every_occurrence():
    spans, counts = place("Oslo and Oslo.", [("Oslo", "LOC")])
    assert spans == [("Oslo", "LOC")] * 2
    assert counts["duplicate"] == 0


def test_place_names_counts_what_was_said_too_often():
    _, counts = place("Oslo and Oslo.", [("Oslo", "LOC")] * 3)
    assert counts["said"] == 3
    assert counts["duplicate"] == 1


def test_place_names_counts_inventions():
    spans, counts = place("Oslo.", [("Bergen", "LOC"), ("Bergen", "LOC"), ("oslo", "LOC")])
    assert spans == []
    assert (counts["invented"], counts["duplicate"]) == (2, 1)


def test_place_names_counts_parts_of_tokens():
    spans, counts = place("The Norwegians left Norway.", [("Norwegian", "MISC"), ("Norway", "LOC")])
    assert spans == [("Norway", "LOC")]
    assert counts["misaligned"] == 1


def test_place_names_prefers_the_longer_name_then_the_one_said_first():
    pairs = [("Leeds", "LOC"), ("Leeds United", "ORG"), ("Leeds United", "LOC")]
    spans, counts = place("Leeds United left Leeds.", pairs)
    assert spans == [("Leeds United", "ORG"), ("Leeds", "LOC")]
    assert counts["overlapping"] == 2


def test_place_names_goes_over_white_space():
    spans, _ = place("Ilse\nVandermeer left.", [("Ilse Vandermeer", "PER")])
    assert spans == [("Ilse\nVandermeer", "PER")]


def test_place_names_takes_signs_as_they_are():
    assert place("A.B left a.b and AxB", [("A.B", "ORG")])[0] == [("A.B", "ORG")]
