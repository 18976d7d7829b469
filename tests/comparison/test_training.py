"""Trainings in a process of their own: once, and again when an input changed."""

import json

import pytest
import spacy
from spacy_train import write_corpus

from spacy_llama_ner.comparison import configs
from spacy_llama_ner.comparison.training import digest_training, run_once, train, train_once
from spacy_llama_ner.evaluation.examples import read_gold


@pytest.fixture
def cnn(split):
    docs = read_gold(split.train, spacy.blank("en").vocab)
    return configs.spacy_cnn(docs, train=split.train, dev=split.dev, seed=0)


def test_run_once_runs_again_only_when_inputs_change(tmp_path):
    calls = []

    def run(folder):
        calls.append(sorted(folder.iterdir()))
        (folder / "model").write_text("weights")
        return {"seconds": len(calls)}

    folder = tmp_path / "deep" / "run"
    assert run_once(run, folder, "a") == {"seconds": 1, "inputs": "a", "reused": False}
    assert run_once(run, folder, "a") == {"seconds": 1, "inputs": "a", "reused": True}
    assert run_once(run, folder, "b") == {"seconds": 2, "inputs": "b", "reused": False}
    assert calls == [[], []]  # each began with an empty folder


def test_run_once_after_a_failure_runs_again(tmp_path):
    def fail(folder):
        (folder / "half").write_text("x")
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        run_once(fail, tmp_path, "a")
    assert run_once(lambda folder: {"left": len(list(folder.iterdir()))}, tmp_path, "a")["left"] == 0


def test_digest_training_depends_on_config_and_content_alone(tmp_path, cnn):
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text("text")
    two.write_text("text")
    digest = digest_training(cnn, [one])
    assert digest == digest_training(cnn, [two])
    two.write_text("other")
    assert digest != digest_training(cnn, [two])
    cnn["training"]["dropout"] = 0.2
    assert digest != digest_training(cnn, [one])


def test_train_once_saves_the_best_pipeline_and_what_happened(tmp_path, cnn, split):
    result = train_once(cnn, tmp_path / "run", [split.train, split.dev])
    assert result["score"] == max(score for _, score in result["curve"])
    assert result["seconds"] > 0
    assert (tmp_path / "run" / "model-best" / "config.cfg").is_file()
    assert not (tmp_path / "run" / "model-last").exists()
    assert json.loads((tmp_path / "run" / "training.json").read_text())["inputs"] == result["inputs"]


def test_train_of_spacy_cnn_scores_its_last_step(tmp_path, cnn):
    result = train(cnn, tmp_path)
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text(encoding="utf8").splitlines()]
    assert result["curve"][-1][0] == lines[-1]["step"] > 0


def test_train_names_the_output_of_a_failure(tmp_path, cnn):
    cnn["paths"]["train"] = str(tmp_path / "none.spacy")
    with pytest.raises(ValueError, match=r"spacy train failed in .*run\. See .*output\.txt: .+"):
        train(cnn, tmp_path / "run")


def test_train_once_trains_anew_on_a_changed_corpus(tmp_path, monkeypatch, cnn):
    trained = []

    def instead(config, folder, **_):
        trained.append(folder)
        (folder / "model-last").mkdir()
        return {"seconds": 1.0}

    monkeypatch.setattr("spacy_llama_ner.comparison.training.train", instead)
    corpus = write_corpus(tmp_path / "corpus.spacy", copies=1)
    for _ in range(2):
        train_once(cnn, tmp_path / "run", [corpus])
    assert len(trained) == 1
    write_corpus(corpus, copies=2)
    assert not train_once(cnn, tmp_path / "run", [corpus])["reused"]
    assert len(trained) == 2
