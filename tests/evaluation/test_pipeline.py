"""All scores of a pipeline together."""

import json

from ruler import make_gold, make_ruler

from spacy_llama_ner.evaluation.pipeline import evaluate_pipeline

GOLD = [("Lisbon slept .", ["B-LOC", "O", "O"]), ("Oslo froze .", ["B-LOC", "O", "O"])]


def evaluate_ruler(**options):
    nlp = make_ruler()
    return evaluate_pipeline(nlp, [make_gold(nlp, [sentence]) for sentence in GOLD], batch_size=2, **options)


def test_evaluate_pipeline_has_all_parts_as_plain_data():
    result, counts = evaluate_ruler(train={"Oslo": {"LOC"}})
    assert counts.fn.tolist() == [[0], [1]]
    assert result["seqeval"]["recall"] == result["raw_text"]["recall"] == result["conlleval"]["recall"] == 0.5
    assert result["intervals"]["units"] == 2
    assert result["robustness"].keys() == {"upper", "lower", "typos"}
    assert result["robustness"]["lower"]["drop"] == result["seqeval"]["f1"]
    assert result["seen"]["seen"]["recall"] == 0.0
    assert json.loads(json.dumps(result)) == result


def test_evaluate_pipeline_leaves_out_what_is_not_asked_for():
    result, _ = evaluate_ruler(robustness=False)
    assert "robustness" not in result
    assert "seen" not in result
