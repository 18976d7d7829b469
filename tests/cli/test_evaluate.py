"""The command `evaluate`."""

import json

import pytest
from ruler import make_gold, make_ruler, save_corpus, save_ruler


@pytest.fixture
def model_dir(tmp_path):
    return save_ruler(tmp_path / "model")


def save_gold(path, sentences):
    return save_corpus(path, [make_gold(make_ruler(), sentences)])


def test_evaluate_writes_json_and_prints_a_table(run, tmp_path, model_dir):
    # The ruler finds Lisbon and misses Oslo.
    gold = [("Lisbon slept .", ["B-LOC", "O", "O"]), ("Oslo froze .", ["B-LOC", "O", "O"])]
    corpus = save_gold(tmp_path / "test.spacy", gold)
    output = tmp_path / "metrics" / "mini" / "test.json"
    done = run("evaluate", model_dir, corpus, "--output", output)
    assert done.exit_code == 0, done.output
    result = json.loads(output.read_text(encoding="utf8"))
    assert (result["model"], result["corpus"]) == (str(model_dir), str(corpus))
    assert result["counts"]["sentences"] == 2
    assert result["seqeval"]["per_label"]["LOC"] == {
        "precision": 1.0,
        "recall": 0.5,
        "f1": pytest.approx(2 / 3),
        "gold": 2,
        "predicted": 1,
    }
    assert result["spacy"]["ents_r"] == 0.5
    assert result["raw_text"]["recall"] == 0.5
    assert result["words_per_second"] > 0
    assert "LOC   100.00   50.00   66.67" in done.output
    assert "F1 on raw text" in done.output


def test_evaluate_without_output_prints_alone(run, tmp_path, model_dir):
    corpus = save_gold(tmp_path / "test.spacy", [("It rained", ["O", "O"])])
    done = run("evaluate", model_dir, corpus, "--batch-size", 1)
    assert done.exit_code == 0
    assert "no gold entities" in done.output
    assert "Saved" not in done.output


@pytest.mark.parametrize(
    ("model", "corpus", "error"),
    [("model", "none.spacy", "No corpus at"), ("none", "test.spacy", "E050")],
)
def test_evaluate_missing_input_is_one_message(run, tmp_path, model_dir, model, corpus, error):
    save_gold(tmp_path / "test.spacy", [("It rained", ["O", "O"])])
    done = run("evaluate", tmp_path / model, tmp_path / corpus, "--output", tmp_path / "m.json")
    assert done.exit_code == 1
    assert "Evaluation failed" in done.output
    assert error in done.output
    assert "Traceback" not in done.output
    assert not (tmp_path / "m.json").exists()
