"""The comparison of benchmarks/conll2003, on a tiny backbone and invented text, so that the command does not rot."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "conll2003" / "compare.py"
ARTICLE = """-DOCSTART- -X- -X- O

Anna _ _ B-PER
Kovac _ _ I-PER
visited _ _ O
Berlin _ _ B-LOC
. _ _ O

Northgate _ _ B-ORG
Steel _ _ I-ORG
fell _ _ O
. _ _ O

"""


@pytest.fixture(scope="module")
def compare():
    """The script as a module."""
    spec = importlib.util.spec_from_file_location("compare_conll2003", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def side(*, f1, raw_f1, training, sentences, articles):
    return {
        "gold_tokens": {"f1": f1},
        "raw_text": {"f1": raw_f1},
        "training_words_per_second": training,
        "articles_words_per_second": articles,
        "sentences_words_per_second": sentences,
    }


THEIRS = side(f1=90.0, raw_f1=89.0, training=[500], sentences=[900, 1000, 5000], articles=[1000])
GOOD = side(f1=89.7, raw_f1=87.7, training=[1, 500, 501], sentences=[1, 1500, 1600], articles=[1500])


@pytest.mark.parametrize(
    ("change", "missed"),
    [
        ({}, []),
        ({"gold_tokens": {"f1": 89.6}}, ["dev F1 of llama_crf_ner", "dev F1, ours minus theirs"]),
        ({"raw_text": {"f1": 87.6}}, ["dev F1, gold tokens minus raw text"]),
        ({"training_words_per_second": [1, 499, 900]}, ["training words/s, ours / theirs"]),
        (
            {"sentences_words_per_second": [1, 1499, 9000]},
            ["nlp.pipe words/s on sentences, ours / theirs"],
        ),
        ({"articles_words_per_second": [1400]}, ["nlp.pipe words/s on articles, ours / theirs"]),
    ],
)
def test_bars(compare, change, missed):
    bars = compare.compare_with_bars({compare.OURS: {**GOOD, **change}, compare.THEIRS: THEIRS})
    assert [bar["name"] for bar in bars if not bar["met"]] == missed


def test_command_compares_both_sides_and_goes_on_where_it_was(tmp_path, tiny_bert):
    for split in ("train", "dev"):
        (tmp_path / f"{split}.txt").write_text(ARTICLE * 8, encoding="utf8")
    command = [sys.executable, SCRIPT, tmp_path, tmp_path / "out.json", "--backbone", tiny_bert]
    command += ["--work", tmp_path / "work"]
    results = []
    for _ in range(2):
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
        assert done.returncode == 1, done.stderr  # so little training meets no bar of F1
        assert "MISSED" in done.stdout
        results.append(json.loads((tmp_path / "out.json").read_text(encoding="utf8")))
    first, second = ({name: row["training"] for name, row in result["sides"].items()} for result in results)
    assert first == second  # not trained again
    assert "trained in an earlier run" in done.stdout
    for row in results[0]["sides"].values():
        for work in ("training", "sentences", "articles"):
            assert len(row[f"{work}_words_per_second"]) == 3
    assert {bar["name"] for bar in results[0]["bars"]} == {
        "dev F1 of llama_crf_ner",
        "dev F1, ours minus theirs",
        "dev F1, gold tokens minus raw text",
        "training words/s, ours / theirs",
        "nlp.pipe words/s on sentences, ours / theirs",
        "nlp.pipe words/s on articles, ours / theirs",
    }
