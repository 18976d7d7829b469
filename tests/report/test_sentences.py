"""Rendering a sentence's entities."""

from spacy_llama_ner.report.sentences import render_sentence

TEXT = "Anna <b>met</b> Bo & Co."


def test_render_sentence_escapes_texts_and_labels():
    html = render_sentence(TEXT, [{"start": 0, "end": 4, "label": "<i>", "score": 0.5}])
    assert "&lt;b&gt;met&lt;/b&gt;" in html
    assert "&lt;i&gt;" in html
    assert "<b>" not in html
    assert "<i>" not in html


def test_render_sentence_marks_the_entity_in_question_alone():
    entities = [{"start": 16, "end": 23, "label": "ORG"}, {"start": 0, "end": 4, "label": "PER"}]
    html = render_sentence(TEXT, entities, focus=(16, 23))
    first, second = html.split("</mark>")[:2]
    assert "focus" not in first.replace("focus}", "")
    assert 'class="entity focus"' in second


def test_render_sentence_shows_scores_as_titles():
    html = render_sentence(TEXT, [{"start": 0, "end": 4, "label": "PER", "score": 0.456}])
    assert 'title="score 0.46"' in html
