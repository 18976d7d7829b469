"""Entities as tags, sentences as ranges."""

from ruler import make_gold, make_ruler
from spacy.tokens import Doc
from spacy.vocab import Vocab
from tagged_examples import make_example

from spacy_llama_ner.evaluation.tagged import sentence_bounds, tag_sequences, tags

GOLD = [("Ann Lee in New York left Acme .", ["B-PER", "I-PER", "O", "B-LOC", "I-LOC", "O", "B-ORG", "O"])]


def test_tags_writes_iob2():
    assert tags(make_gold(make_ruler(), GOLD)) == GOLD[0][1]


def test_tag_sequences_splits_at_sentences():
    two = [("Ann slept", ["B-PER", "O"]), ("Oslo", ["B-LOC"])]
    assert [gold for gold, _ in tag_sequences(make_example(two, two))] == [["B-PER", "O"], ["B-LOC"]]


def test_tag_sequences_keeps_whole_an_entity_over_a_sentence_start():
    gold = [("They met Ann", ["O", "O", "O"]), ("Lee .", ["O", "O"])]
    crossing = [("They met Ann", ["O", "O", "B-PER"]), ("Lee .", ["I-PER", "O"])]
    assert tag_sequences(make_example(gold, crossing)) == [(["O"] * 5, ["O", "O", "B-PER", "I-PER", "O"])]


def test_sentence_bounds_without_sentence_starts():
    assert sentence_bounds(Doc(Vocab(), words=["It", "rained"])) == [(0, 2)]


def test_sentence_bounds_of_an_empty_doc():
    assert sentence_bounds(Doc(Vocab())) == []
