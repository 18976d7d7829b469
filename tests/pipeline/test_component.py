import numpy as np
import pytest
import spacy
from spacy.tokens import Doc, Span
from spacy.training import Example
from spacy.util import fix_random_seed

PIPE = "llama_crf_ner"
TEXT = "Anna Kovac visited Berlin on Monday."
FOUND = [("Anna Kovac", "PER"), ("Berlin", "LOC")]


@pytest.fixture
def nlp(config):
    nlp = spacy.blank("en")
    nlp.add_pipe(PIPE, config=config)
    return nlp


def entities(doc):
    return [(ent.text, ent.label_) for ent in doc.ents]


# spaCy's skeleton of component tests


def test_no_label(nlp):
    with pytest.raises(ValueError, match="E143"):
        nlp.initialize()


def test_implicit_label(nlp, examples):
    nlp.initialize(lambda: examples(nlp))
    assert nlp.get_pipe(PIPE).labels == ("LOC", "MISC", "ORG", "PER")


def test_labels_given_keep_their_order(nlp, examples):
    labels = ["PER", "ORG", "LOC", "MISC"]
    nlp.config["initialize"]["components"][PIPE] = {"labels": labels}
    nlp.initialize(lambda: examples(nlp))
    pipe = nlp.get_pipe(PIPE)
    assert pipe.label_data == labels
    assert pipe.model.get_dim("nO") == 9


def test_labels_that_leave_one_of_the_examples_out_are_refused(nlp, examples):
    with pytest.raises(
        ValueError, match=r"have entities LOC, MISC, which are none of the labels given, PER, ORG"
    ):
        nlp.get_pipe(PIPE).initialize(lambda: examples(nlp), labels=["PER", "ORG"])


def test_initialize_without_examples(nlp):
    nlp.get_pipe(PIPE).add_label("PER")
    nlp.initialize()
    assert nlp(TEXT).has_annotation("ENT_IOB")


def test_initialize_twice_starts_anew(trained, examples):
    trained.initialize(lambda: examples(trained))
    assert entities(trained(TEXT)) != FOUND or trained.get_pipe(PIPE).shim.updates == 0


def test_initialize_wants_a_function(nlp, examples):
    with pytest.raises(TypeError, match="E930"):
        nlp.get_pipe(PIPE).initialize(examples(nlp))


def test_initialize_names_a_backbone_that_is_not_there(tmp_path, examples):
    nlp = spacy.blank("en")
    backbone = {"@misc": "spacy_llama_ner.HuggingFaceBackbone.v1", "name": str(tmp_path)}
    nlp.add_pipe(PIPE, config={"model": {"backbone": backbone}})
    with pytest.raises(ValueError, match="cannot load the backbone"):
        nlp.initialize(lambda: examples(nlp))


def test_no_data(nlp, examples):
    """Updating on texts without annotation changes nothing."""
    optimizer = nlp.initialize(lambda: examples(nlp))
    before = nlp.get_pipe(PIPE).model.predict([nlp.make_doc(TEXT)])[0]
    blank = [Example.from_dict(nlp.make_doc(text), {}) for text in (TEXT, "It rained.")]
    assert nlp.update(blank, sgd=optimizer)[PIPE] == pytest.approx(0.0, abs=1e-6)
    np.testing.assert_array_equal(nlp.get_pipe(PIPE).model.predict([nlp.make_doc(TEXT)])[0], before)


def test_incomplete_data(nlp):
    """Half of each text is annotated; the other half is not learned as outside."""
    fix_random_seed(0)
    reference = nlp.make_doc(TEXT)
    reference.set_ents([Span(reference, 0, 2, "PER")], missing=[reference[3:7]], default="outside")
    examples = [Example(nlp.make_doc(TEXT), reference)]
    nlp.get_pipe(PIPE).add_label("PER")
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = 0.02
    for _ in range(40):
        losses = nlp.update(examples, sgd=optimizer)
    assert losses[PIPE] < 1.0
    assert ("Anna Kovac", "PER") in entities(nlp(TEXT))


def test_overfitting_IO(nlp, examples, tmp_path):
    fix_random_seed(0)
    train = examples(nlp)
    optimizer = nlp.initialize(lambda: train)
    optimizer.learn_rate = 0.02
    first = nlp.update(train, sgd=optimizer)[PIPE]
    for _ in range(80):
        losses = nlp.update(train, sgd=optimizer)
    assert losses[PIPE] < first / 3
    assert nlp.evaluate(train)["ents_f"] == 1.0
    nlp.to_disk(tmp_path / "nlp")
    assert entities(spacy.load(tmp_path / "nlp")(TEXT)) == FOUND
    texts = [eg.text for eg in train]
    batched = list(nlp.pipe(texts))
    for text, doc in zip(texts, batched, strict=True):
        assert entities(nlp(text)) == entities(doc)


# labels


def test_add_label_before_initialize(nlp):
    pipe = nlp.get_pipe(PIPE)
    assert pipe.add_label("PER") == 1
    assert pipe.add_label("PER") == 0
    assert pipe.labels == ("PER",)


@pytest.mark.parametrize(("label", "message"), [(9, "E187"), ("", "a label is empty")])
def test_add_label_refuses_what_is_no_label(nlp, label, message):
    with pytest.raises(ValueError, match=message):
        nlp.get_pipe(PIPE).add_label(label)


def test_add_label_after_initialize_is_refused(trained):
    with pytest.raises(ValueError, match=r"E922.*output dimension of 9"):
        trained.get_pipe(PIPE).add_label("DATE")


# prediction


def test_predict_before_initialize_says_so(nlp):
    with pytest.raises(ValueError, match="E109"):
        nlp(TEXT)


def test_update_before_initialize_says_so(nlp, examples):
    with pytest.raises(ValueError, match="E109"):
        nlp.get_pipe(PIPE).update(examples(nlp))


def test_predict_finds_what_it_learned(trained):
    assert entities(trained(TEXT)) == FOUND


def test_predict_changes_no_doc(trained):
    doc = trained.make_doc(TEXT)
    trained.get_pipe(PIPE).predict([doc])
    assert not doc.has_annotation("ENT_IOB")
    assert not doc.spans


def test_scores_are_probabilities_and_stored_with_the_spans(trained):
    doc = trained(TEXT)
    scores = [ent._.score for ent in doc.ents]
    assert all(0.5 < score <= 1.0 for score in scores)
    np.testing.assert_allclose(doc.spans[PIPE].attrs["scores"], scores)


def test_predict_marks_all_other_tokens_as_outside(trained):
    assert {token.ent_iob_ for token in trained("It rained.")} == {"O"}


def test_predict_takes_empty_docs(trained):
    docs = list(trained.pipe(["", TEXT, " \n ", ""]))
    assert [entities(doc) for doc in docs] == [[], FOUND, [], []]


def test_predict_goes_on_over_a_line_break(trained):
    assert trained("Anna\nKovac visited Berlin on Monday.\n").ents[0].text == "Anna\nKovac"


@pytest.mark.parametrize(
    "text", ["\n\nAnna Kovac\n visited  \t Berlin \n", "  ", "Anna\n \nKovac\u2003Berlin\n"]
)
def test_no_entity_begins_or_ends_with_whitespace(trained, text):
    for ent in trained(text).ents:
        assert not ent[0].is_space
        assert not ent[-1].is_space


def test_predict_reads_a_doc_of_any_length(trained):
    doc = trained(" ".join([TEXT] * 300))
    assert len(doc) == 2100
    found = [ent for ent in doc.ents if ent.text == "Berlin"]
    assert len(found) > 250
    assert doc.ents[-1].end > 2000


def test_prediction_alone_is_that_in_a_batch(trained):
    texts = [TEXT * n for n in (1, 7, 2)] + ["It rained."]
    for text, doc in zip(texts, trained.pipe(texts, batch_size=4), strict=True):
        alone = trained(text)
        assert entities(alone) == entities(doc)
        for one, two in zip(alone.ents, doc.ents, strict=True):
            assert one._.score == pytest.approx(two._.score, abs=1e-4)


@pytest.mark.parametrize(("attention", "reaches"), [("bidirectional", True), ("causal", False)])
def test_attention_of_the_loaded_pipeline(config, examples, tmp_path, attention, reaches):
    """The canary on what a user loads: does the last word reach the first one?"""
    config["model"]["attention"] = attention
    nlp = spacy.blank("en")
    nlp.add_pipe(PIPE, config=config)
    nlp.initialize(lambda: examples(nlp))
    nlp.to_disk(tmp_path / "nlp")
    model = spacy.load(tmp_path / "nlp").get_pipe(PIPE).model
    for others in ([], ["A longer text beside it, so that there is padding in the batch."]):
        one, two = (
            model.predict([nlp.make_doc(t) for t in [text, *others]])[0]
            for text in ("we met Anna", "we met Sato")
        )
        assert (np.abs(one[0] - two[0]).max() > 1e-5) == reaches


# existing entities


def annotated(nlp, spans):
    doc = nlp.make_doc(TEXT)
    doc.ents = [Span(doc, start, end, label) for start, end, label in spans]
    return doc


def test_existing_entities_are_kept(trained):
    doc = trained.get_pipe(PIPE)(annotated(trained, [(1, 3, "EVENT")]))
    assert entities(doc) == [("Kovac visited", "EVENT"), ("Berlin", "LOC")]
    assert doc.ents[0]._.score is None
    assert [span.text for span in doc.spans[PIPE]] == ["Anna Kovac", "Berlin"]


def test_existing_entities_are_replaced_with_overwrite(trained):
    pipe = trained.get_pipe(PIPE)
    pipe.cfg["overwrite"] = True
    assert entities(pipe(annotated(trained, [(1, 3, "EVENT")]))) == FOUND


def test_blocked_tokens_stay_blocked(trained):
    doc = trained.make_doc(TEXT)
    doc.set_ents([], blocked=[doc[0:1]], default="missing")
    doc = trained.get_pipe(PIPE)(doc)
    assert entities(doc) == [("Berlin", "LOC")]
    assert doc[0].ent_iob == 3


# training


def test_get_loss_agrees_with_update_and_leaves_no_gradient(trained, examples):
    pipe, train = trained.get_pipe(PIPE), examples(trained)
    scores = pipe.model.predict([eg.predicted for eg in train])
    loss, gradient = pipe.get_loss(train, scores)
    assert all(weight.grad is None for weight in pipe.shim.network.parameters())
    assert [rows.shape for rows in gradient] == [rows.shape for rows in scores]
    assert pipe.update(train)[PIPE] == pytest.approx(loss, rel=1e-4)


def test_get_loss_gradient_is_that_of_finite_differences(trained, examples):
    pipe, train = trained.get_pipe(PIPE), examples(trained)[:1]
    scores = pipe.model.predict([eg.predicted for eg in train])
    _, gradient = pipe.get_loss(train, scores)
    step = 1e-2
    for place in ((0, 0), (3, 2)):
        higher, lower = (rows.copy() for rows in (scores[0], scores[0]))
        higher[place] += step
        lower[place] -= step
        slope = (pipe.get_loss(train, [higher])[0] - pipe.get_loss(train, [lower])[0]) / (2 * step)
        assert gradient[0][place] == pytest.approx(slope, abs=2e-3)


def test_update_without_optimizer_only_adds_gradients(trained, examples):
    pipe = trained.get_pipe(PIPE)
    before = pipe.model.predict([trained.make_doc(TEXT)])[0]
    pipe.update(examples(trained))
    np.testing.assert_array_equal(pipe.model.predict([trained.make_doc(TEXT)])[0], before)
    assert any(weight.grad is not None for weight in pipe.shim.network.parameters())


def test_update_names_an_unknown_label(trained):
    example = Example.from_dict(trained.make_doc("On Monday"), {"entities": [(3, 9, "DATE")]})
    with pytest.raises(ValueError, match="an entity 'DATE' at 'Monday'"):
        trained.get_pipe(PIPE).update([example])


def test_update_refuses_what_is_no_example(trained):
    with pytest.raises(TypeError, match="E978"):
        trained.get_pipe(PIPE).update([TEXT])


def test_score_is_that_of_spacys_ner(trained, examples):
    scores = trained.evaluate(examples(trained))
    assert scores["ents_f"] == 1.0
    assert scores["ents_per_type"]["PER"]["f"] == 1.0


def test_error_handler_gets_the_failing_docs(trained):
    failed = []
    trained.set_error_handler(lambda name, proc, docs, error: failed.append((name, len(docs), str(error))))
    trained.get_pipe(PIPE).shim.reset()
    assert list(trained.pipe([TEXT, TEXT])) == []
    assert failed[0][:2] == (PIPE, 2)
    assert "E109" in failed[0][2]


def test_another_name_is_the_key_of_its_losses(config, examples):
    nlp = spacy.blank("en")
    nlp.add_pipe(PIPE, name="people", config=config)
    optimizer = nlp.initialize(lambda: examples(nlp))
    assert nlp.update(examples(nlp), sgd=optimizer).keys() == {"people"}


def test_words_without_pieces_are_tagged(trained):
    doc = Doc(trained.vocab, words=["Anna", "\u2800", "\x00", "Berlin"])
    assert len(trained.get_pipe(PIPE).model.predict([doc])[0]) == len([t for t in doc if not t.is_space])


def test_an_encoder_is_a_backbone_too(tiny_bert, examples):
    nlp = spacy.blank("en")
    model = {
        "backbone": {"@misc": "spacy_llama_ner.HuggingFaceBackbone.v1", "name": str(tiny_bert)},
        "lora_target_modules": ["query", "value"],
    }
    nlp.add_pipe(PIPE, config={"model": model})
    optimizer = nlp.initialize(lambda: examples(nlp))
    first = nlp.update(examples(nlp), sgd=optimizer)[PIPE]
    optimizer.learn_rate = 0.02
    for _ in range(30):
        losses = nlp.update(examples(nlp), sgd=optimizer)
    assert losses[PIPE] < first / 2
    assert nlp(" ".join([TEXT] * 30)).has_annotation("ENT_IOB")  # longer than BERT's 64 positions


def test_two_components_keep_each_their_scores(trained, trained_template, config):
    other = spacy.blank("en")
    other.add_pipe(PIPE, name="second", config=config)
    other.get_pipe("second").from_bytes(trained.get_pipe(PIPE).to_bytes())
    doc = trained(TEXT)
    doc.ents = doc.ents[:1]
    doc = other.get_pipe("second")(doc)
    assert set(doc.spans) == {PIPE, "second"}
    assert all(ent._.score is not None for ent in doc.ents)


def test_get_loss_of_nothing_is_nothing(trained):
    assert trained.get_pipe(PIPE).get_loss([], []) == (0.0, [])


def test_initialize_again_with_other_labels_and_the_same_optimizer(trained, examples):
    optimizer = trained.resume_training()
    trained.update(examples(trained), sgd=optimizer)
    blank = Example.from_dict(trained.make_doc("Anna left"), {"entities": [(0, 4, "PER")]})
    trained.get_pipe(PIPE).cfg["labels"] = []
    trained.initialize(lambda: [blank], sgd=optimizer)
    trained.update([blank], sgd=optimizer)
    assert trained.get_pipe(PIPE).labels == ("PER",)


def test_labels_as_one_text_are_refused(nlp, examples):
    with pytest.raises(ValueError, match=r"labels is the text 'PER'; expected a list"):
        nlp.get_pipe(PIPE).initialize(lambda: examples(nlp), labels="PER")


@pytest.mark.parametrize(
    ("use_crf", "weights", "message"),
    [
        (True, {"crf_weight": 0.0}, "use_crf = true with crf_weight = 0"),
        (False, {"cross_entropy_weight": 0.0, "label_smoothing_weight": 0.0}, "would train nothing"),
    ],
)
def test_loss_that_does_not_train_what_decodes_is_refused(config, use_crf, weights, message):
    config["model"]["use_crf"] = use_crf
    with pytest.raises(ValueError, match=message):
        spacy.blank("en").add_pipe(PIPE, config={**config, "compound_loss": weights})
