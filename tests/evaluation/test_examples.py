"""Reading gold Docs and predicting on their tokens."""

import pytest
from ruler import make_gold, make_ruler, save_corpus
from spacy.tokens import Doc
from spacy.vocab import Vocab

from spacy_llama_ner.evaluation.examples import predict, read_gold


def test_read_gold_round_trip(tmp_path):
    nlp = make_ruler()
    doc = make_gold(nlp, [("Lisbon slept .", ["B-LOC", "O", "O"]), ("It rained", ["O", "O"])])
    gold = read_gold(save_corpus(tmp_path / "c.spacy", [doc]), Vocab())
    assert [[token.text for token in sent] for sent in gold[0].sents] == [
        ["Lisbon", "slept", "."],
        ["It", "rained"],
    ]
    assert [(ent.text, ent.label_) for ent in gold[0].ents] == [("Lisbon", "LOC")]


def test_read_gold_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"No corpus at .*c\.spacy"):
        read_gold(tmp_path / "c.spacy", Vocab())


@pytest.mark.parametrize("content", [b"", b"not a DocBin", b"\x78\x9c\x03\x00\x00\x00\x00\x01"])
def test_read_gold_not_a_docbin(tmp_path, content):
    (tmp_path / "c.spacy").write_bytes(content)
    with pytest.raises(ValueError, match=r"c\.spacy is not a readable DocBin"):
        read_gold(tmp_path / "c.spacy", Vocab())


@pytest.mark.parametrize("docs", [0, 2])
def test_read_gold_no_tokens(tmp_path, docs):
    path = save_corpus(tmp_path / "c.spacy", [Doc(Vocab()) for _ in range(docs)])
    with pytest.raises(ValueError, match=f"holds {docs} docs and not one token"):
        read_gold(path, Vocab())


def test_read_gold_without_annotation(tmp_path):
    nlp = make_ruler()
    path = save_corpus(tmp_path / "c.spacy", [nlp.make_doc("Nobody knows."), nlp.make_doc("Lisbon.")])
    with pytest.raises(
        ValueError, match=r"2 of 2 docs lack NER annotation.*doc 1, with 3 of 3 tokens unknown"
    ):
        read_gold(path, Vocab())


def test_read_gold_partly_annotated(tmp_path):
    nlp = make_ruler()
    partly = nlp.make_doc("Ann met Bo")
    partly.set_ents([partly.char_span(0, 3, label="PER")], default="missing")
    path = save_corpus(tmp_path / "c.spacy", [make_gold(nlp, [("It rained", ["O", "O"])]), partly])
    with pytest.raises(ValueError, match=r"1 of 2 docs lack.*doc 2, with 2 of 3 tokens unknown"):
        read_gold(path, Vocab())


def test_predict_uses_gold_tokens_and_spaces():
    nlp = make_ruler()
    # The tokenizer would cut "U.N.-backed" and "didn't" elsewhere.
    gold = Doc(
        nlp.vocab, words=["Lisbon", "did", "n't", "U.N.", "-backed"], spaces=[1, 0, 1, 0, 0], ents=["O"] * 5
    )
    examples, seconds = predict(nlp, [gold])
    assert [token.text for token in examples[0].predicted] == [token.text for token in gold]
    assert examples[0].predicted.text == gold.text
    assert seconds > 0


def test_predict_hides_gold_entities():
    nlp = make_ruler()
    gold = make_gold(nlp, [("Paris and Lisbon", ["B-LOC", "O", "B-LOC"])])
    examples, _ = predict(nlp, [gold], batch_size=1)
    assert [ent.text for ent in examples[0].predicted.ents] == ["Lisbon"]
    assert [ent.text for ent in examples[0].reference.ents] == ["Paris", "Lisbon"]


def test_predict_refuses_changed_tokens():
    nlp = make_ruler()
    nlp.add_pipe("merge_entities")
    gold = make_gold(nlp, [("The European Commission", ["O", "B-ORG", "I-ORG"])])
    with pytest.raises(ValueError, match=r"changed the tokens of doc 1 \(3 before, 2 after\)"):
        predict(nlp, [gold])


@pytest.mark.parametrize("label", ["O", "all", "micro avg", "X-", "-X"])
def test_read_gold_refuses_labels_with_another_meaning(tmp_path, label):
    nlp = make_ruler()
    doc = nlp.make_doc("Lisbon slept.")
    doc.set_ents([doc.char_span(0, 6, label=label)], default="outside")
    with pytest.raises(ValueError, match=f"the label '{label}' has another meaning"):
        read_gold(save_corpus(tmp_path / "c.spacy", [doc]), Vocab())


def test_predict_leaves_components_out():
    nlp = make_ruler()
    gold = make_gold(nlp, [("Lisbon slept", ["B-LOC", "O"])])
    examples, _ = predict(nlp, [gold], disable=["entity_ruler"])
    assert not examples[0].predicted.ents
    assert predict(nlp, [gold])[0][0].predicted.ents
