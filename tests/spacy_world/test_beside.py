"""Beside the components of a usual English pipeline, all trained together by `spacy train`."""

from pathlib import Path

import pytest
import spacy

PIPE = "llama_crf_ner"
TEXT = "Anna Kovac visited Berlin on Monday."
FOUND = [("Anna Kovac", "PER"), ("Berlin", "LOC")]
SMALL = {
    "@architectures": "spacy.HashEmbedCNN.v2",
    "pretrained_vectors": None,
    "width": 16,
    "depth": 1,
    "embed_size": 200,
    "window_size": 1,
    "maxout_pieces": 2,
    "subword_features": True,
}
LISTENER = {"@architectures": "spacy.Tok2VecListener.v1", "width": 16, "upstream": "tok2vec"}
TAGGER = {
    "factory": "tagger",
    "model": {"@architectures": "spacy.Tagger.v2", "nO": None, "tok2vec": LISTENER},
}
NER = {
    "factory": "ner",
    "model": {
        "@architectures": "spacy.TransitionBasedParser.v2",
        "state_type": "ner",
        "extra_state_tokens": False,
        "hidden_width": 16,
        "maxout_pieces": 2,
        "use_upper": True,
        "nO": None,
        "tok2vec": LISTENER,
    },
}


def ruler(component_name, *patterns):
    """A block of an entity ruler, and its block of `[initialize]`."""
    rules = [{"label": label, "pattern": text} for text, label in patterns]
    return {component_name: {"factory": "entity_ruler"}}, {component_name: {"patterns": rules}}


@pytest.fixture(scope="module")
def together(train, component) -> Path:
    """All components of a usual pipeline and ours, trained together; the rulers know what no corpus says."""
    before, before_rules = ruler("ruler_before", ("Monday", "DATE"), ("Kovac", "SURNAME"))
    after, after_rules = ruler("ruler_after", ("visited", "EVENT"), ("Berlin", "CITY"))
    components = {
        "tok2vec": {"factory": "tok2vec", "model": SMALL},
        "tagger": TAGGER,
        **before,
        PIPE: component,
        **after,
        "ner": NER,
    }
    return train(components, {"training.max_steps": 60}, {**before_rules, **after_rules})


@pytest.fixture(scope="module")
def nlp(together):
    return spacy.load(together)


def entities(doc):
    return [(ent.text, ent.label_) for ent in doc.ents]


def tags(doc):
    return " ".join(token.tag_ for token in doc)


@pytest.mark.parametrize("name", [PIPE, "ner"])
def test_each_recognizer_has_learned(nlp, name):
    with nlp.select_pipes(enable=["tok2vec", name]):
        assert entities(nlp(TEXT)) == FOUND


def test_tagger_has_learned_through_its_listener(nlp):
    assert nlp.get_pipe("tok2vec").listening_components == ["tagger", "ner"]
    assert tags(nlp(TEXT)) == "N N V N P N ."


def test_earlier_entities_win_and_later_components_add_to_ours(nlp):
    with nlp.select_pipes(disable=["ner"]):
        doc = nlp(TEXT)
    assert entities(doc) == [
        ("Kovac", "SURNAME"),  # ruler_before: it leaves no room for our "Anna Kovac"
        ("visited", "EVENT"),  # ruler_after
        ("Berlin", "LOC"),  # ours, which ruler_after leaves alone
        ("Monday", "DATE"),  # ruler_before
    ]
    assert [span.text for span in doc.spans[PIPE]] == ["Anna Kovac", "Berlin"]


def test_only_our_entities_have_a_score(nlp):
    with nlp.select_pipes(disable=["ner"]):
        surname, event, berlin, date = nlp(TEXT).ents
    assert 0 < berlin._.score <= 1
    assert [ent._.score for ent in (surname, event, date)] == [None, None, None]


def test_ner_keeps_our_entities(nlp):
    with nlp.select_pipes(disable=["ruler_before", "ruler_after"]):
        doc = nlp("A Danish court heard Mr. Sato.")
    assert entities(doc) == [("Danish", "MISC"), ("Sato", "PER")]
    assert all(ent._.score for ent in doc.ents)


def check_same(nlp, other):
    expected, doc = nlp(TEXT), other(TEXT)
    assert (entities(doc), tags(doc)) == (entities(expected), tags(expected))
    assert [span.text for span in doc.spans[PIPE]] == ["Anna Kovac", "Berlin"]
    assert [ent._.score for ent in doc.ents] == pytest.approx([ent._.score for ent in expected.ents])


def test_pipeline_is_the_same_after_disk(nlp, tmp_path):
    nlp.to_disk(tmp_path)
    check_same(nlp, spacy.load(tmp_path))


def test_pipeline_is_the_same_after_bytes(nlp):
    restored = spacy.blank("en").from_config(nlp.config).from_bytes(nlp.to_bytes())
    # spaCy 3.8.18's EntityRuler.from_bytes loses patterns that are texts
    rulers = ["ruler_before", "ruler_after"]
    with nlp.select_pipes(disable=rulers), restored.select_pipes(disable=rulers):
        check_same(nlp, restored)


def test_pipeline_trains_on_as_a_whole(together, train):
    loaded = spacy.load(together)
    blocks = {name: {"source": str(together)} for name in loaded.pipe_names}
    slow = {"training.max_steps": 1, "training.optimizer.learn_rate": 0.0001}
    resumed = spacy.load(train(blocks, slow))
    scores = resumed.meta["performance"]
    # 5 of 6: ruler_before has taken "Kovac"
    assert (scores["tag_acc"], scores["ents_r"]) == (1.0, pytest.approx(5 / 6))
    for name in (PIPE, "tok2vec", "tagger", "ner"):
        before, after = (nlp.get_pipe(name).model.to_bytes() for nlp in (loaded, resumed))
        assert before != after, name
