"""A released pipeline's meta.json."""

import json
from pathlib import Path

import pytest
from spacy.schemas import ModelMetaSchema, validate

from spacy_llama_ner.release.meta import performance, read_about, read_metrics, release_meta, with_corpus

CONFIGS = Path(__file__).parents[2] / "configs"
META = {
    "lang": "en",
    "name": "pipeline",
    "version": "0.0.0",
    "license": "",
    "labels": {"llama_crf_ner": ["PER"]},
    "performance": {"ents_f": 0.9, "llama_crf_ner_loss": 3.0},
}
METRICS = {
    "counts": {},
    "seqeval": {"accuracy": 0.97},
    "spacy": {
        "ents_p": 0.8,
        "ents_r": 0.6,
        "ents_f": 0.7,
        "ents_per_type": {"PER": {"p": 1.0, "r": 1.0, "f": 1.0}},
    },
    "words_per_second": 900.0,
}


def write(path: Path, content: object) -> Path:
    path.write_text(json.dumps(content), encoding="utf8")
    return path


@pytest.mark.parametrize("profile", ["mini", "llama-3.2-1b"])
def test_read_about_of_each_profile_names_licences(profile):
    about = read_about(CONFIGS / f"{profile}.about.json")
    meta = release_meta(META, name="llama_crf_ner", version="0.1.0", about=about, metrics={})
    assert validate(ModelMetaSchema, meta) == []
    assert meta["license"]
    assert all(source["license"] for source in meta["sources"])


def test_read_about_without_a_file():
    assert read_about(None) == {}


@pytest.mark.parametrize(
    ("content", "error"),
    [
        ({"licence": "MIT"}, "unknown key 'licence'; expected description, author"),
        ({"license": 1}, '"license" must be a text, got 1'),
        ({"sources": "CoNLL"}, '"sources" must be a list'),
        ({"sources": [{"url": "x"}]}, 'each of "sources" needs a "name"'),
        ({"sources": [{"name": "x", "license": None}]}, "texts as values"),
        ({"dataset": {"name": "x"}}, '"dataset" must be'),
        ([], "must hold a JSON object, got list"),
    ],
)
def test_read_about_refuses(tmp_path, content, error):
    with pytest.raises(ValueError, match=error):
        read_about(write(tmp_path / "about.json", content))


def test_read_about_bad_json(tmp_path):
    (tmp_path / "about.json").write_text("{", encoding="utf8")
    with pytest.raises(ValueError, match=r"about\.json is not valid JSON"):
        read_about(tmp_path / "about.json")


def test_read_metrics_refuses_another_file(tmp_path):
    with pytest.raises(ValueError, match="has no counts, spacy: expected a file written by `evaluate`"):
        read_metrics(write(tmp_path / "m.json", {"seqeval": {}}))


def test_read_metrics_without_a_file():
    assert read_metrics(None) == {}


def test_release_meta_replaces_scores_and_keeps_labels():
    about = {"description": "Small.", "license": "MIT", "limits": "Many.", "sources": [{"name": "news"}]}
    meta = release_meta(META, name="llama_crf_ner", version="1.0", about=about, metrics=METRICS)
    assert meta["labels"] == {"llama_crf_ner": ["PER"]}
    assert meta["performance"]["ents_f"] == 0.7
    assert "llama_crf_ner_loss" not in meta["performance"]
    assert (meta["name"], meta["version"], meta["license"]) == ("llama_crf_ner", "1.0", "MIT")
    assert meta["sources"] == [{"name": "news"}]
    assert "limits" not in meta
    assert META["version"] == "0.0.0"


def test_release_meta_drops_scores_of_training_without_an_evaluation():
    assert release_meta(META, name="x", version="1", about={}, metrics={})["performance"] == {}


def test_release_meta_takes_the_language_off_the_name():
    assert release_meta(META, name="en_llama", version="1", about={}, metrics={})["name"] == "llama"


@pytest.mark.parametrize("name", ["", "my-ner", "a__b", "_a", "nër", "en_"])
def test_release_meta_refuses_name(name):
    with pytest.raises(ValueError, match="cannot be a package's name"):
        release_meta(META, name=name, version="1", about={}, metrics={})


@pytest.mark.parametrize("version", ["", "v1", "1.0-final", "1..0"])
def test_release_meta_refuses_version(version):
    with pytest.raises(ValueError, match="is not a version"):
        release_meta(META, name="a", version=version, about={}, metrics={})


def test_performance_uses_spacy_names():
    assert performance(METRICS) == {
        "ents_f": 0.7,
        "ents_p": 0.8,
        "ents_r": 0.6,
        "ents_token_acc": 0.97,
        "ents_per_type": {"PER": {"p": 1.0, "r": 1.0, "f": 1.0}},
        "speed": 900.0,
    }


ABOUT = {
    "license": "CC BY-SA 3.0",
    "limits": "Invented news.",
    "corpus": "configs/mini.cfg",
    "sources": [{"name": "backbone"}, {"name": "mini-news", "role": "corpus"}],
}


def report(folder, source):
    path = folder / "train.json"
    path.write_text(json.dumps({"source": source}))
    return path


def test_with_corpus_keeps_what_is_said_of_the_profiles_own(tmp_path):
    assert with_corpus(ABOUT, report(tmp_path, "configs/mini.cfg")) == ABOUT


def test_with_corpus_says_nothing_of_another_corpus_than_its_name(tmp_path):
    about = with_corpus(ABOUT, report(tmp_path, "/home/somebody/reuters"))
    assert [source["name"] for source in about["sources"]] == ["backbone", "reuters (training corpus)"]
    assert "license" not in about
    assert "Invented" not in about["limits"]
    assert "somebody" not in json.dumps(about)


def test_with_corpus_refuses_another_file(tmp_path):
    path = tmp_path / "train.json"
    path.write_text("{}")
    with pytest.raises(ValueError, match=r'has no "source": expected a file written by `convert`'):
        with_corpus(ABOUT, path)
