"""Names that training data has, and others."""

from ruler import make_ruler
from spacy.tokens import Doc
from tagged_examples import make_example

from spacy_llama_ner.evaluation.seen import collect_names, seen_scores

TRAIN = {"Oslo": {"LOC"}, "Acme": {"ORG", "PER"}, "New York": {"LOC"}}


def test_collect_names_knows_all_labels_of_a_text():
    nlp = make_ruler()
    docs = [
        Doc(nlp.vocab, words=["Acme", "met", "Acme"], ents=["B-ORG", "O", "B-PER"]),
        # Another spacing and a line break are the same name.
        Doc(nlp.vocab, words=["New", "\n", "York"], spaces=[0, 0, 0], ents=["B-LOC", "I-LOC", "I-LOC"]),
    ]
    assert collect_names(docs) == {"Acme": {"ORG", "PER"}, "New York": {"LOC"}}


def test_seen_scores_by_hand():
    """Gold: Oslo LOC (seen), Acme LOC (seen as ORG), oslo LOC (unseen: case counts).

    Predicted: Oslo LOC right, Acme ORG (seen) wrong, oslo LOC right.
    """
    text = "Oslo Acme oslo"
    gold, predicted = ["B-LOC"] * 3, ["B-LOC", "B-ORG", "B-LOC"]
    scores = seen_scores([make_example([(text, gold)], [(text, predicted)])], TRAIN)
    assert scores == {
        "seen": {"gold": 1, "predicted": 2, "right": 1, "recall": 1.0, "precision": 0.5},
        "other_label": {"gold": 1, "predicted": 0, "right": 0, "recall": 0.0, "precision": None},
        "unseen": {"gold": 1, "predicted": 1, "right": 1, "recall": 1.0, "precision": 1.0},
    }


def test_seen_scores_wants_the_whole_entity():
    text = "New York"
    example = make_example([(text, ["B-LOC", "I-LOC"])], [(text, ["B-LOC", "O"])])
    scores = seen_scores([example], TRAIN)
    assert (scores["seen"]["gold"], scores["seen"]["predicted"]) == (1, 0)
    assert scores["unseen"] == {"gold": 0, "predicted": 1, "right": 0, "recall": None, "precision": 0.0}
