"""What the project's own files say."""

from pathlib import Path

from spacy_llama_ner.report.project import Pretraining, count_corpus, list_settings

ROOT = Path(__file__).parent.parent.parent


def make_run(f1):
    return {"f1": f1, "overrides": {"training.max_epochs": 3}}


def test_list_settings_has_a_value_of_each_profile():
    settings = {name: values for name, *values in list_settings(ROOT)}
    assert settings["attention"] == ["bidirectional", "causal"]
    assert settings["learning rate"][1] == "5e-05"
    assert settings["backbone frozen"] == ["yes", "yes"]
    assert settings["in the layers"][1] == "q_proj, k_proj, v_proj, o_proj"


def test_count_corpus_reads_every_split():
    counts = count_corpus(ROOT)
    assert list(counts) == ["train", "dev", "test"]
    assert (counts["test"].sentences, counts["test"].entities) == (347, 880)


def test_pretraining_takes_means_over_seeds():
    results = {
        "worth/news/pretrained, all weights, causal/0": make_run(0.5),
        "worth/news/pretrained, all weights, causal/1": make_run(0.75),
        "worth/real/random, all weights, causal/0": make_run(0.25),
        "recipe/news/LoRA in all linear layers/0": make_run(1.0),
    }
    pretraining = Pretraining(results)
    assert pretraining.f1("news", "pretrained", "all weights", "causal") == 0.625
    assert pretraining.f1("news", "random", "all weights", "causal") is None
    assert pretraining.rows() == [
        ("pretrained", "all weights", "causal", [0.625, None]),
        ("random", "all weights", "causal", [None, 0.25]),
    ]
    assert (pretraining.corpora, pretraining.seeds, pretraining.epochs("real")) == (["news", "real"], 2, 3)
