import numpy as np
import pytest
import spacy
from spacy.tokens import Doc, DocBin, Span, SpanGroup

from spacy_llama_ner.pipeline.scores import get_score, install_extension, store_scores


@pytest.fixture
def doc():
    doc = spacy.blank("en")("Anna Kovac visited Berlin and Lisbon.")
    spans = [Span(doc, 0, 2, "PER"), Span(doc, 3, 4, "LOC"), Span(doc, 5, 6, "LOC")]
    store_scores(doc, "llama_crf_ner", spans, [0.9, 0.5, 0.25])
    doc.ents = spans
    return doc


def test_get_score_finds_each_prediction(doc):
    assert [get_score(ent) for ent in doc.ents] == pytest.approx([0.9, 0.5, 0.25])


@pytest.mark.parametrize(
    ("start", "end", "label"), [(0, 1, "PER"), (0, 2, "ORG"), (4, 5, "LOC"), (6, 7, "LOC")]
)
def test_get_score_of_anything_else_is_none(doc, start, end, label):
    assert get_score(Span(doc, start, end, label)) is None


def test_get_score_without_predictions_is_none():
    doc = spacy.blank("en")("Anna")
    assert get_score(doc[0:1]) is None


def test_get_score_of_a_group_that_somebody_changed_is_none(doc):
    doc.spans["llama_crf_ner"].append(Span(doc, 4, 5, "LOC"))
    assert get_score(doc.ents[0]) is None


def test_scores_survive_docbin(doc):
    install_extension()
    (copy,) = DocBin(docs=[doc]).get_docs(doc.vocab)
    assert [ent._.score for ent in copy.ents] == pytest.approx([0.9, 0.5, 0.25])


def test_scores_survive_doc_bytes(doc):
    copy = Doc(doc.vocab).from_bytes(doc.to_bytes())
    np.testing.assert_allclose(copy.spans["llama_crf_ner"].attrs["scores"], [0.9, 0.5, 0.25])


def test_install_extension_leaves_a_foreign_one_alone():
    install_extension()
    ours = Span.remove_extension("score")
    try:
        Span.set_extension("score", default="theirs")
        with pytest.warns(UserWarning, match=r"Span._.score already exists and is left alone"):
            install_extension()
        assert spacy.blank("en")("Anna")[:]._.score == "theirs"
    finally:
        Span.set_extension("score", getter=ours[2], force=True)


def test_scores_stay_with_their_entities_when_tokens_are_merged(doc):
    install_extension()
    with doc.retokenize() as retokenizer:
        retokenizer.merge(doc[0:2])
    assert [(ent.text, ent._.score) for ent in doc.ents] == [
        ("Anna Kovac", pytest.approx(0.9)),
        ("Berlin", pytest.approx(0.5)),
        ("Lisbon", pytest.approx(0.25)),
    ]


def test_scores_of_two_components_are_both_found(doc):
    store_scores(doc, "dates", [Span(doc, 2, 3, "DATE")], [0.75])
    assert get_score(Span(doc, 2, 3, "DATE")) == pytest.approx(0.75)
    assert get_score(doc.ents[0]) == pytest.approx(0.9)


def test_scores_of_spancat_are_not_taken_for_ours(doc):
    group = SpanGroup(doc, name="sc", spans=[doc[2:3]], attrs={"scores": np.array([0.1])})
    doc.spans["a first group"] = group
    assert get_score(doc.ents[1]) == pytest.approx(0.5)
