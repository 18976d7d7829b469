"""One batch: entities, scores, and a problem for each record that has none."""

import pytest
from ruler import make_ruler
from spacy.language import Language
from spacy.tokens import DocBin
from spacy.tokens.underscore import Underscore

from spacy_llama_ner.annotation.batch import annotate_batch
from spacy_llama_ner.annotation.types import Batch, Problem, Record


@Language.component("annotation_test_fails")
def fails(doc):
    if "poison" in doc.text:
        raise KeyError("no poison")
    return doc


def annotate(nlp, rows, *, as_docs=False):
    records = [
        Record(i, 10 * i, {}, row) if isinstance(row, Problem) else Record(i, 10 * i, row)
        for i, row in enumerate(rows, start=1)
    ]
    return annotate_batch(nlp, Batch(3, records, "x"), field="text", ents_field="ents", as_docs=as_docs)


def test_batch_gives_fields_and_entities_in_order():
    result = annotate(
        make_ruler(), [{"text": "To Lisbon", "id": 5}, {"text": ""}, {"id": 6, "text": "Norway"}]
    )
    ent = {"start": 3, "end": 9, "label": "LOC", "text": "Lisbon", "score": None}
    other = {"start": 0, "end": 6, "label": "LOC", "text": "Norway", "score": None}
    assert result.rows == [
        {"text": "To Lisbon", "id": 5, "ents": [ent]},
        {"text": "", "ents": []},
        {"id": 6, "text": "Norway", "ents": [other]},
    ]
    assert (result.index, result.digest, result.records, result.position) == (3, "x", 3, 30)
    assert (result.words, result.ents, result.problems) == (3, 2, [])


def test_batch_gives_scores_where_there_are_any(monkeypatch):
    monkeypatch.setitem(Underscore.span_extensions, "score", (None, None, lambda span: 0.25, None))
    result = annotate(make_ruler(), [{"text": "Lisbon"}])
    assert result.rows[0]["ents"][0]["score"] == 0.25


def test_batch_reports_each_record_that_has_no_usable_text():
    nlp = make_ruler()
    nlp.max_length = 10
    rows = [{"id": 1}, {"text": 7}, {"text": None}, {"text": "x" * 11}, {"text": "x" * 10}]
    rows += [{"text": "", "ents": []}, Problem(7, "no JSON object", "why")]
    result = annotate(nlp, rows)
    assert [(p.number, p.kind) for p in result.problems] == [
        (1, "no text"),
        (2, "no text"),
        (3, "no text"),
        (4, "text too long"),
        (6, "has entities already"),
        (7, "no JSON object"),
    ]
    assert "of type int" in result.problems[1].reason
    assert "11 characters; the pipeline's nlp.max_length is 10" in result.problems[3].reason
    assert [row["text"] for row in result.rows] == ["x" * 10]


@pytest.mark.parametrize("as_docs", [False, True])
def test_batch_loses_only_the_record_that_the_pipeline_fails_on(as_docs):
    nlp = make_ruler()
    nlp.add_pipe("annotation_test_fails")
    rows = [{"text": "Lisbon"}, {"text": "poison"}, {"text": "Norway"}]
    result = annotate(nlp, rows, as_docs=as_docs)
    assert [(p.number, p.kind, p.reason) for p in result.problems] == [
        (2, "the pipeline failed", "KeyError: 'no poison'")
    ]
    assert result.ents == 2


def test_batch_reports_what_the_pipeline_drops():
    nlp = make_ruler()
    nlp.add_pipe("annotation_test_fails")
    nlp.set_error_handler(lambda name, pipe, docs, error: None)
    result = annotate(nlp, [{"text": "poison"}, {"text": "Norway"}])
    assert [(p.number, p.reason) for p in result.problems] == [(1, "it gave no Doc for this text")]
    assert [row["text"] for row in result.rows] == ["Norway"]


def test_batch_of_docs_keeps_the_other_fields():
    nlp = make_ruler()
    result = annotate(nlp, [{"text": "To Lisbon", "id": 5}, {"text": "rain"}], as_docs=True)
    docs = list(DocBin(store_user_data=True).from_bytes(result.docs).get_docs(nlp.vocab))
    assert [doc.text for doc in docs] == ["To Lisbon", "rain"]
    assert [(ent.text, ent.label_) for ent in docs[0].ents] == [("Lisbon", "LOC")]
    assert docs[0].user_data["record"] == {"id": 5}
    assert "record" not in docs[1].user_data


def test_batch_reports_a_doc_that_cannot_be_stored():
    nlp = make_ruler()

    @Language.component("annotation_test_stores")
    def stores(doc):
        doc.user_data["thing"] = object() if "odd" in doc.text else 1
        return doc

    nlp.add_pipe("annotation_test_stores")
    result = annotate(nlp, [{"text": "Lisbon"}, {"text": "odd"}, {"text": "Norway"}], as_docs=True)
    assert [(p.number, p.kind) for p in result.problems] == [(2, "the Doc cannot be stored")]
    docs = DocBin(store_user_data=True).from_bytes(result.docs).get_docs(nlp.vocab)
    assert [doc.text for doc in docs] == ["Lisbon", "Norway"]


def test_batch_leaves_no_words_in_the_vocabulary():
    nlp = make_ruler()
    annotate(nlp, [{"text": "Lisbon"}])
    before = len(nlp.vocab.strings)
    annotate(nlp, [{"text": " ".join(f"word{i}x" for i in range(1000))}])
    assert len(nlp.vocab.strings) == before
