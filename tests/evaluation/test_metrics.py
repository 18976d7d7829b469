"""Scores against counts made by hand."""

import pytest
from tagged_examples import make_example

from spacy_llama_ner.evaluation.metrics import check_agreement, evaluate

# 8 tokens; gold: PER, LOC, ORG; predicted: PER right, LOC with a wrong boundary, ORG with a wrong label,
# one spurious PER. So 1 of 4 predicted and 1 of 3 gold are right. Tokens: 4 tags right (PER's two, "in", ".") of 8.
GOLD = [("Ann Lee in New York left Acme .", ["B-PER", "I-PER", "O", "B-LOC", "I-LOC", "O", "B-ORG", "O"])]
PREDICTED = [
    ("Ann Lee in New York left Acme .", ["B-PER", "I-PER", "O", "O", "B-LOC", "B-PER", "B-LOC", "O"])
]


def test_evaluate_counts_by_hand():
    result = evaluate([make_example(GOLD, PREDICTED)])
    assert result["counts"] == {
        "docs": 1,
        "sentences": 1,
        "tokens": 8,
        "gold_entities": 3,
        "predicted_entities": 4,
    }
    seqeval = result["seqeval"]
    assert seqeval["accuracy"] == pytest.approx(4 / 8)
    assert seqeval["precision"] == pytest.approx(1 / 4)
    assert seqeval["recall"] == pytest.approx(1 / 3)
    assert seqeval["f1"] == pytest.approx(2 / 7)  # 2 · right / (gold + predicted)
    assert seqeval["per_label"] == {
        "LOC": {"precision": 0.0, "recall": 0.0, "f1": 0.0, "gold": 1, "predicted": 2},
        "ORG": {"precision": 0.0, "recall": 0.0, "f1": 0.0, "gold": 1, "predicted": 0},
        "PER": {
            "precision": pytest.approx(1 / 2),
            "recall": pytest.approx(1.0),
            "f1": pytest.approx(2 / 3),
            "gold": 1,
            "predicted": 2,
        },
    }
    assert result["spacy"]["ents_f"] == pytest.approx(2 / 7)
    assert result["spacy"]["ents_per_type"]["PER"]["p"] == pytest.approx(1 / 2)
    assert "warning" not in result


def test_evaluate_sums_over_docs_and_sentences():
    right = [("Ann slept .", ["B-PER", "O", "O"]), ("Oslo froze .", ["B-LOC", "O", "O"])]
    missed = [("Ann slept .", ["O", "O", "O"]), ("Oslo froze .", ["B-LOC", "O", "O"])]
    result = evaluate([make_example(right, right), make_example(right, missed)])
    assert result["counts"]["docs"] == 2
    assert result["counts"]["sentences"] == 4
    assert result["seqeval"]["precision"] == pytest.approx(1.0)
    assert result["seqeval"]["recall"] == pytest.approx(3 / 4)
    assert result["seqeval"]["accuracy"] == pytest.approx(11 / 12)


def test_evaluate_adjacent_entities_of_one_label():
    gold = [("Oslo Bergen", ["B-LOC", "B-LOC"])]
    merged = [("Oslo Bergen", ["B-LOC", "I-LOC"])]
    result = evaluate([make_example(gold, merged)])
    assert result["seqeval"]["per_label"]["LOC"]["gold"] == 2
    assert result["seqeval"]["per_label"]["LOC"]["predicted"] == 1
    assert result["seqeval"]["f1"] == 0.0


def test_evaluate_no_predictions_is_zero_with_a_warning():
    nothing = [(GOLD[0][0], ["O"] * 8)]
    result = evaluate([make_example(GOLD, nothing)])
    assert result["seqeval"]["precision"] == result["seqeval"]["recall"] == result["seqeval"]["f1"] == 0.0
    assert "predicted no entities" in result["warning"]


@pytest.mark.parametrize("predicted", [["O", "O"], ["B-PER", "O"]])
def test_evaluate_no_gold_entities_is_zero_with_a_warning(predicted):
    result = evaluate([make_example([("It rained", ["O", "O"])], [("It rained", predicted)])])
    assert result["seqeval"]["f1"] == result["spacy"]["ents_f"] == 0.0
    assert "no gold entities" in result["warning"]


def test_evaluate_counts_an_entity_over_a_sentence_start_once():
    crossing = [("They met Ann", ["O", "O", "B-PER"]), ("Lee .", ["I-PER", "O"])]
    result = evaluate([make_example(crossing, crossing)])
    assert result["seqeval"]["f1"] == 1.0
    assert result["seqeval"]["per_label"]["PER"]["gold"] == 1


def test_evaluate_names_what_conlleval_counts_otherwise():
    """One gold and one predicted entity cross the sentence start; conlleval sees two of each."""
    crossing = [("They met Ann", ["O", "O", "B-PER"]), ("Lee .", ["I-PER", "O"])]
    result = evaluate([make_example(crossing, crossing)])
    assert result["conlleval"]["gold"] == result["conlleval"]["right"] == 2
    assert len(result["differences"]) == 3
    assert (
        "conlleval counts 2 gold entities, strict and spaCy 1: some entities cross"
        in result["differences"][0]
    )


def test_evaluate_says_that_the_three_agree():
    result = evaluate([make_example(GOLD, PREDICTED)])
    assert result["conlleval"]["f1"] == pytest.approx(result["seqeval"]["f1"])
    assert [sentence[:9] for sentence in result["differences"]] == ["All three"]


def test_evaluate_empty_doc_among_others():
    result = evaluate([make_example(GOLD, GOLD), make_example([], [])])
    assert result["counts"]["docs"] == 2
    assert result["counts"]["sentences"] == 1
    assert result["seqeval"]["f1"] == 1.0


def test_check_agreement_names_both():
    result = evaluate([make_example(GOLD, PREDICTED)])
    check_agreement(result["seqeval"], result["spacy"])
    wrong = {**result["spacy"], "ents_r": 0.5}
    with pytest.raises(
        ValueError, match=r"seqeval and spaCy disagree on the recall of all labels: seqeval 0\.3.*spaCy 0\.5"
    ):
        check_agreement(result["seqeval"], wrong)


def test_check_agreement_looks_at_labels():
    result = evaluate([make_example(GOLD, PREDICTED)])
    per_type = {**result["spacy"]["ents_per_type"], "PER": {"p": 0.5, "r": 1.0, "f": 0.6}}
    with pytest.raises(ValueError, match="the f1 of PER"):
        check_agreement(result["seqeval"], {**result["spacy"], "ents_per_type": per_type})
