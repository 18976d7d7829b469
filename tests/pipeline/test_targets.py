import pytest
import spacy
from spacy.tokens import Doc, Span
from spacy.training import Example

from spacy_llama_ner.pipeline.targets import allowed_tags

NLP = spacy.blank("en")
LABELS = ["PER", "LOC"]  # tags: O B-PER I-PER B-LOC I-LOC


def tags(example):
    """RETURNS (List[Optional[int]]): The one tag a word may have, None if it may have all."""
    rows = allowed_tags(example, LABELS)
    assert all(row.sum() in (1, 5) for row in rows)
    return [int(row.argmax()) if row.sum() == 1 else None for row in rows]


def test_allowed_tags_of_known_entities():
    doc = NLP.make_doc("Anna Kovac left Berlin.")
    example = Example.from_dict(doc, {"entities": [(0, 10, "PER"), (16, 22, "LOC")]})
    assert tags(example) == [1, 2, 0, 3, 0]


def test_allowed_tags_of_adjacent_entities():
    doc = NLP.make_doc("Anna Kovac Sato")
    example = Example.from_dict(doc, {"entities": [(0, 10, "PER"), (11, 15, "PER")]})
    assert tags(example) == [1, 2, 1]


def test_allowed_tags_without_annotation_are_all():
    doc = NLP.make_doc("Anna left.")
    assert tags(Example(doc, NLP.make_doc("Anna left."))) == [None, None, None]


def test_allowed_tags_of_partial_annotation():
    reference = NLP.make_doc("Anna Kovac left Berlin.")
    reference.set_ents([Span(reference, 0, 2, "PER")], missing=[reference[3:4]], default="outside")
    assert tags(Example(NLP.make_doc("Anna Kovac left Berlin."), reference)) == [1, 2, 0, None, 0]


def test_allowed_tags_of_an_entity_that_does_not_align_are_all():
    predicted = Doc(NLP.vocab, words=["Anna", "Kovac-Sato", "left"], spaces=[True, True, False])
    reference = Doc(
        NLP.vocab,
        words=["Anna", "Kovac", "-", "Sato", "left"],
        spaces=[True, False, False, True, False],
        ents=["B-PER", "I-PER", "O", "O", "O"],
    )
    found = tags(Example(predicted, reference))
    assert found[1] is None
    assert found[2] == 0


def test_allowed_tags_skip_whitespace_inside_an_entity():
    doc = NLP.make_doc("Anna\nKovac left")
    assert tags(Example.from_dict(doc, {"entities": [(0, 10, "PER")]})) == [1, 2, 0]


def test_allowed_tags_of_an_entity_annotated_from_whitespace_on_begin_at_its_word():
    reference = Doc(NLP.vocab, words=["\n", "Anna", "Kovac", "left"], ents=["B-PER", "I-PER", "I-PER", "O"])
    predicted = Doc(NLP.vocab, words=["\n", "Anna", "Kovac", "left"])
    assert tags(Example(predicted, reference)) == [1, 2, 0]


def test_allowed_tags_name_an_unknown_label():
    example = Example.from_dict(NLP.make_doc("Acme fell"), {"entities": [(0, 4, "ORG")]})
    with pytest.raises(ValueError, match=r"an entity 'ORG' at 'Acme', which is none of .*\['PER', 'LOC'\]"):
        allowed_tags(example, LABELS)


def test_allowed_tags_of_an_empty_doc_are_none():
    assert allowed_tags(Example(NLP.make_doc(""), NLP.make_doc("")), LABELS).shape == (0, 5)
