"""Reading answers."""

import pytest

from spacy_llama_ner.prompting.answer import parse_answer

LABELS = {"PER", "ORG", "LOC", "MISC"}


@pytest.mark.parametrize(
    ("line", "pair"),
    [
        ("Lisbon - LOC", ("Lisbon", "LOC")),
        ("Lisbon - Location", ("Lisbon", "LOC")),
        ("* **Ilse Vandermeer** - Person", ("Ilse Vandermeer", "PER")),
        ("1. Tarrant & Webb - Company.", ("Tarrant & Webb", "ORG")),
        ("- <Oslo> - <city>", ("Oslo", "LOC")),
        ("Group A - North - Organizations", ("Group A - North", "ORG")),  # the type follows the last dash
        ("Danish - Nationality", ("Danish", "MISC")),
        ("Companies House - companies", ("Companies House", "ORG")),
        ("Labour - Parties", ("Labour", "ORG")),
        ("Oslo - Countries", ("Oslo", "LOC")),
        ("Danish - Miscellaneous", ("Danish", "MISC")),
    ],
)
def test_parse_answer_reads_a_line(line, pair):
    assert parse_answer(line, labels=LABELS).pairs == [pair]


@pytest.mark.parametrize(
    "line", ["Here are the entities:", "Lisbon: LOC", "Lisbon-LOC", " - LOC", "Lisbon - "]
)
def test_parse_answer_counts_malformed_lines(line):
    answer = parse_answer(line, labels=LABELS)
    assert answer.pairs == []
    assert (answer.counts["lines"], answer.counts["malformed"]) == (1, 1)


def test_parse_answer_counts_unknown_types_and_guesses_none():
    answer = parse_answer("Tuesday - Date\nMay - date\nOslo - LOC", labels=LABELS)
    assert answer.pairs == [("Oslo", "LOC")]
    assert answer.counts["unknown_type"] == 2
    assert answer.unknown == {"Date": 1, "date": 1}


def test_parse_answer_knows_the_corpus_own_labels_alone():
    answer = parse_answer("Oslo - LOC\nIbux - drug", labels={"DRUG"})
    assert answer.pairs == [("Ibux", "DRUG")]
    assert answer.unknown == {"LOC": 1}


def test_parse_answer_leaves_the_last_line_of_a_cut_answer_out():
    assert parse_answer("Oslo - LOC\nBirm - LOC", labels=LABELS, truncated=True).pairs == [("Oslo", "LOC")]


def test_parse_answer_of_nothing():
    answer = parse_answer(" \n", labels=LABELS)
    assert (answer.pairs, dict(answer.counts)) == ([], {})


def test_parse_answer_keeps_the_last_line_of_a_cut_answer_if_it_is_whole():
    assert parse_answer("Oslo - LOC\n", labels=LABELS, truncated=True).pairs == [("Oslo", "LOC")]


@pytest.mark.parametrize(
    "text", ["None", "None.", "There are no named entities in the text.", "No entities found"]
)
def test_parse_answer_tells_none_from_malformed(text):
    answer = parse_answer(text, labels=LABELS)
    assert dict(answer.counts) == {"lines": 1, "none": 1}


def test_parse_answer_takes_the_label_that_the_corpus_has():
    fine = {"PERSON", "GPE", "LOC", "EVENT"}
    lines = "Oslo - city\nBo - people\nAlps - place\nOlympics - events"
    assert [label for _, label in parse_answer(lines, labels=fine).pairs] == ["GPE", "PERSON", "LOC", "EVENT"]
