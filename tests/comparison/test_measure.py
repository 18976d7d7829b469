"""Scores and times of systems."""

import os

import pytest
import spacy
from ruler import make_gold, make_ruler
from spacy.tokens import DocBin

from spacy_llama_ner.comparison.measure import (
    ROUNDS,
    first_words,
    save_predictions,
    score,
    speed,
    time_in_turns,
)
from spacy_llama_ner.comparison.published import PUBLISHED, quote
from spacy_llama_ner.evaluation.examples import predict


def test_score_has_the_f1_of_each_label():
    nlp = make_ruler()
    sentences = [
        ("Lisbon slept", ["B-LOC", "O"]),
        ("Oslo met Ilse Vandermeer", ["B-LOC", "O", "B-PER", "I-PER"]),
    ]
    examples, _ = predict(nlp, [make_gold(nlp, sentences)])
    result = score(examples)
    assert result["per_label"] == {"LOC": pytest.approx(2 / 3), "PER": 1.0}
    assert (result["precision"], result["recall"]) == (1.0, pytest.approx(2 / 3))


def test_save_predictions_does_not_write_into_an_earlier_file(tmp_path):
    nlp = make_ruler()
    examples, _ = predict(nlp, [make_gold(nlp, [("Lisbon slept", ["B-LOC", "O"])])])
    file, earlier = tmp_path / "deep" / "p.spacy", tmp_path / "earlier"
    save_predictions([], file)
    before = file.read_bytes()
    os.link(file, earlier)  # a second name of what is there: it changes if the file is written into
    save_predictions(examples, file)
    (doc,) = DocBin().from_disk(file).get_docs(nlp.vocab)
    assert [ent.text for ent in doc.ents] == ["Lisbon"]
    assert earlier.read_bytes() == before


def test_time_in_turns_gives_every_system_each_round():
    calls = []

    class Recorder:
        def __init__(self, name):
            self.name = name

        def pipe(self, texts):
            calls.append(self.name)
            return iter(texts)

    docs = [make_gold(spacy.blank("en"), [("It rained", ["O", "O"])])]
    rates = time_in_turns({name: Recorder(name) for name in "ab"}, docs)
    assert calls == ["a", "b"] * (1 + ROUNDS)  # the first two are for warm-up
    assert all(len(values) == ROUNDS and min(values) > 0 for values in rates.values())


def test_speed_is_the_median():
    assert speed([1.0, 50.0, 3.0]) == {"words_per_second": 3.0, "rounds": [1.0, 50.0, 3.0]}


def test_first_words_takes_whole_docs_and_at_least_one():
    docs = [make_gold(spacy.blank("en"), [("It rained", ["O", "O"])]) for _ in range(4)]
    assert first_words(docs, 5) == docs[:2]
    assert first_words(docs, 1) == docs[:1]
    assert first_words(docs, 100) == docs


def test_quote_is_empty_on_another_corpus():
    assert quote([make_gold(spacy.blank("en"), [("It rained", ["O", "O"])])]) == []


def test_quote_on_a_corpus_with_the_official_counts_names_every_source():
    # 5,648 entities in 46,435 invented tokens.
    tags = ["B-LOC"] * 5_648 + ["O"] * (46_435 - 5_648)
    gold = make_gold(spacy.blank("en"), [(" ".join(["word"] * len(tags)), tags)])
    rows = quote([gold])
    assert len(rows) == len(PUBLISHED)
    assert all(row["source"] and 0.5 < row["f1"] < 1 for row in rows)
