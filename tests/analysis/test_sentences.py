"""Docs cut into sentences of plain data."""

from outcomes import make_example
from spacy.tokens import Doc
from spacy.training import Example
from spacy.vocab import Vocab

from spacy_llama_ner.analysis.sentences import cut_sentences


def test_cut_sentences_offsets_are_those_of_its_text():
    example = make_example(
        "It rained . / In New York Ann slept .", "O O O / O LOC I-LOC PER O O", "O O O / O O LOC O O O"
    )
    sentence = cut_sentences([example])[1]
    assert (sentence.doc, sentence.number, sentence.text) == (1, 2, "In New York Ann slept .")
    for entity in (*sentence.gold, *sentence.predicted):
        assert sentence.text[entity.start_char : entity.end_char] == entity.text
        assert " ".join(sentence.words[entity.start : entity.end]) == entity.text
    assert [entity.text for entity in sentence.gold] == ["New York", "Ann"]
    assert [entity.text for entity in sentence.predicted] == ["York"]


def test_cut_sentences_joins_those_that_an_entity_crosses():
    example = make_example("By Ann / Lee . / It rained", "O O / O O / O O", "O PER / I-PER O / O O")
    assert [(sentence.number, sentence.words) for sentence in cut_sentences([example])] == [
        (1, ("By", "Ann", "Lee", ".")),
        (3, ("It", "rained")),
    ]


def test_cut_sentences_without_starts_is_the_doc():
    docs = [
        Doc(Vocab(), words=["Ann", "slept", ".", "Bo", "ran"], ents=["B-PER", "O", "O", "O", "O"])
        for _ in "12"
    ]
    assert [len(sentence.words) for sentence in cut_sentences([Example(*docs)])] == [5]


def test_cut_sentences_empty_doc_has_none():
    assert cut_sentences([Example(Doc(Vocab()), Doc(Vocab()))]) == []


def test_cut_sentences_position_is_known_in_docs_of_several():
    several = make_example("Ann slept / Bo ran", "PER O / PER O", "O O / O O")
    single = make_example("Ann slept", "PER O", "O O")
    positions = [x.gold[0].buckets["document_position"] for x in cut_sentences([several, single])]
    assert positions == ["1", "2", "1"]
    assert "document_position" not in cut_sentences([single])[0].gold[0].buckets


def test_cut_sentences_scores_are_those_of_the_prediction(set_scores):
    set_scores({"Ann": 0.75})
    (sentence,) = cut_sentences([make_example("Ann met Bo", "PER O PER", "PER O PER")])
    assert [entity.score for entity in sentence.predicted] == [0.75, None]
