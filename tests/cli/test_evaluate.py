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


def test_evaluate_writes_markdown_of_the_same_tables(run, tmp_path, model_dir):
    corpus = save_gold(tmp_path / "test.spacy", [("Lisbon slept .", ["B-LOC", "O", "O"])])
    done = run(
        "evaluate", model_dir, corpus, "--name", "three words", "--markdown", tmp_path / "md" / "test.md"
    )
    assert done.exit_code == 0, done.output
    text = (tmp_path / "md" / "test.md").read_text(encoding="utf8")
    assert text.startswith("# Evaluation on three words\n")
    assert "| LOC | 100.00 | 100.00 | 100.00 | - | 1 | 1 |" in text
    assert "| lower case | 0.00 |" in text
    assert "Evaluation on three words" in done.output


def test_evaluate_without_robustness_predicts_less(run, tmp_path, model_dir):
    corpus = save_gold(tmp_path / "test.spacy", [("Lisbon slept .", ["B-LOC", "O", "O"])])
    done = run("evaluate", model_dir, corpus, "--no-robustness", "--output", tmp_path / "m.json")
    assert done.exit_code == 0, done.output
    result = json.loads((tmp_path / "m.json").read_text(encoding="utf8"))
    assert "robustness" not in result
    assert "raw_text" in result
    assert "lower case" not in done.output


def test_evaluate_with_training_corpus_scores_seen_names(run, tmp_path, model_dir):
    corpus = save_gold(tmp_path / "test.spacy", [("Lisbon met Norway", ["B-LOC", "O", "B-LOC"])])
    train = save_gold(tmp_path / "train.spacy", [("Lisbon", ["B-LOC"])])
    done = run("evaluate", model_dir, corpus, "--train", train, "--output", tmp_path / "m.json")
    assert done.exit_code == 0, done.output
    seen = json.loads((tmp_path / "m.json").read_text(encoding="utf8"))["seen"]
    assert (seen["seen"]["gold"], seen["unseen"]["gold"]) == (1, 1)
    assert "seen with another label" in done.output


def test_evaluate_refuses_a_false_name_before_loading(run, tmp_path):
    corpus = save_gold(tmp_path / "test.spacy", [("It rained", ["O", "O"])])
    done = run(
        "evaluate", tmp_path / "no-model", corpus, "--name", "CoNLL-2003 test", "-o", tmp_path / "m.json"
    )
    assert done.exit_code == 1
    assert "Evaluation failed" in done.output
    assert "it has 2 tokens and 0 entities" in done.output
    assert "46,435 tokens and 5,648 entities" in done.output
    assert not (tmp_path / "m.json").exists()


def test_evaluate_warns_of_a_corpus_that_only_sounds_official(run, tmp_path, model_dir):
    corpus = save_gold(tmp_path / "conll2003-test.spacy", [("It rained", ["O", "O"])])
    done = run("evaluate", model_dir, corpus, "--output", tmp_path / "m.json")
    assert done.exit_code == 0
    assert "This is not CoNLL-2003 test" in done.output
    assert json.loads((tmp_path / "m.json").read_text(encoding="utf8"))["official"]["split"] is None


def test_evaluate_several_models_compares_them(run, tmp_path, model_dir):
    better = make_ruler()
    better.get_pipe("entity_ruler").add_patterns([{"label": "LOC", "pattern": "Oslo"}])
    better.to_disk(tmp_path / "better")
    nlp = make_ruler()
    corpus = save_corpus(
        tmp_path / "test.spacy",
        [make_gold(nlp, [("Lisbon and Oslo", ["B-LOC", "O", "B-LOC"])]) for _ in range(8)],
    )
    done = run("evaluate", model_dir, tmp_path / "better", corpus, "--output", tmp_path / "m.json")
    assert done.exit_code == 0, done.output
    report = json.loads((tmp_path / "m.json").read_text(encoding="utf8"))
    assert report.keys() == {"corpus", "models", "significance"}
    assert [model["seqeval"]["recall"] for model in report["models"]] == [0.5, 1.0]
    (pair,) = report["significance"]
    assert (pair["first"], pair["second"], pair["docs_that_differ"]) == (1, 2, 8)
    assert pair["difference"] == pytest.approx(2 / 3 - 1)
    assert pair["p"] == pytest.approx(2 / 2**8, abs=0.005)  # all swapped or none
    assert f"1={model_dir}" in "".join(done.output.split())  # a long path is broken over lines
    assert "Differences of F1" in done.output


def test_evaluate_without_a_model_is_a_usage_error(run, tmp_path):
    corpus = save_gold(tmp_path / "test.spacy", [("It rained", ["O", "O"])])
    assert run("evaluate", corpus).exit_code == 2
