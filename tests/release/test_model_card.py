"""The README of a packaged pipeline."""

import pytest
import srsly

from spacy_llama_ner.release.model_card import license_fields, model_card

META = {
    "lang": "en",
    "name": "llama_crf_ner",
    "version": "0.1.0",
    "license": "CC BY-SA 3.0",
    "description": "Finds names.",
    "pipeline": ["llama_crf_ner"],
    "labels": {"llama_crf_ner": ["PER", "LOC"]},
    "sources": [
        {"name": "mini-news", "url": "https://example.org/news", "license": "CC BY 4.0"},
        {"name": "a|b"},
    ],
}
SCORES = {"precision": 0.8, "recall": 0.6, "f1": 0.7}
METRICS = {
    "corpus": "corpus/mini/test.spacy",
    "counts": {"docs": 2, "sentences": 3, "tokens": 40, "gold_entities": 5, "predicted_entities": 4},
    "seqeval": {"accuracy": 0.975, **SCORES, "per_label": {"PER": {**SCORES, "gold": 5, "predicted": 4}}},
    "spacy": {},
}
ABOUT = {"limits": "Made for news.", "dataset": {"name": "mini-news", "type": "mini-news"}}


def front_matter(card: str) -> dict:
    _, header, _ = card.split("---\n", 2)
    return srsly.yaml_loads(header)


def test_model_card_front_matter():
    fields = front_matter(model_card(META, about=ABOUT, metrics=METRICS))
    assert fields["language"] == ["en"]
    assert fields["license"] == "cc-by-sa-3.0"
    assert fields["library_name"] == "spacy"
    assert {"spacy", "token-classification"} <= set(fields["tags"])
    [entry] = fields["model-index"]
    assert entry["name"] == "en_llama_crf_ner"
    [result] = entry["results"]
    assert result["task"]["type"] == "token-classification"
    assert result["dataset"] == {"name": "mini-news", "type": "mini-news"}
    assert {metric["type"]: metric["value"] for metric in result["metrics"]} == {**SCORES, "accuracy": 0.975}


def test_model_card_body():
    card = model_card(META, about=ABOUT, metrics=METRICS)
    assert 'spacy.load("en_llama_crf_ner")' in card
    assert "| `llama_crf_ner` | `PER`, `LOC` |" in card
    assert "| [mini-news](https://example.org/news) |  | CC BY 4.0 |" in card
    assert "| a\\|b |  | not stated |" in card
    assert "| PER | 80.00 | 60.00 | 70.00 | 5 | 4 |" in card
    assert card.endswith("## Limits\n\nMade for news.\n")


def test_model_card_without_metrics_claims_none():
    card = model_card(META, about={}, metrics={})
    assert "model-index" not in front_matter(card)
    assert "built without an evaluation" in card


def test_model_card_of_a_bare_meta():
    card = model_card({"lang": "en", "name": "x", "version": "1", "license": ""}, about={}, metrics={})
    assert front_matter(card)["license_name"] == "unknown"
    assert "declare no labels" in card
    assert "Not stated." in card


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("MIT", {"license": "mit"}),
        ("CC BY 4.0", {"license": "cc-by-4.0"}),
        ("Llama 3.2 Community License", {"license": "llama3.2"}),
        ("Llama 3.1 Community License", {"license": "llama3.1"}),
        ("My own, v2", {"license": "other", "license_name": "my-own-v2"}),
    ],
)
def test_license_fields(name, fields):
    assert license_fields(name) == fields
