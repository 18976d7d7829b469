"""The command `compare`."""

import json

import pytest
import spacy
from ruler import save_ruler
from spacy_train import CONFIG, write_corpus


@pytest.fixture
def corpora(tmp_path):
    """Options that name the corpora, the output and the folder for work."""
    paths = {name: write_corpus(tmp_path / f"{name}.spacy", copies=2) for name in ("train", "dev", "test")}
    options = [part for name, path in paths.items() for part in (f"--{name}", path)]
    return [*options, "--output", tmp_path / "metrics" / "compare.json", "--work", tmp_path / "work"]


def read(tmp_path):
    result = json.loads((tmp_path / "metrics" / "compare.json").read_text(encoding="utf8"))
    return result, {system["name"]: system for system in result["systems"]}


def test_compare_measures_lookup_a_pipeline_and_predictions(run, tmp_path, corpora):
    model = save_ruler(tmp_path / "ruler")
    first = run("compare", *corpora, "--system", "lookup")
    assert first.exit_code == 0, first.output
    copy = tmp_path / "copy.spacy"
    copy.write_bytes((tmp_path / "work" / "predictions" / "lookup.spacy").read_bytes())
    copy.with_suffix(".json").write_text('{"words_per_second": 7.0, "cost": 0.5}')
    done = run(
        *("compare", *corpora, "--system", "lookup", "--model", f"mine={model}"),
        *("--predictions", f"prompt={copy}", "--markdown", tmp_path / "md" / "compare.md"),
    )
    assert done.exit_code == 0, done.output
    result, systems = read(tmp_path)
    assert list(systems) == ["lookup", "mine", "prompt"]
    assert (systems["lookup"]["f1"], systems["prompt"]["f1"]) == (1.0, 1.0)  # test has the names of train
    assert systems["mine"]["f1"] == 0.0  # the ruler knows none of them
    assert systems["mine"]["training_seconds"] is None
    assert (systems["prompt"]["words_per_second"], systems["prompt"]["bytes"]) == (7.0, None)
    assert systems["lookup"]["words_per_second"] > 0 < systems["lookup"]["training_seconds"]
    assert result["quoted"] == []
    assert "trained by an earlier run" in done.output.replace("\n", " ")
    assert "$0.50" in (tmp_path / "md" / "compare.md").read_text(encoding="utf8")
    assert (tmp_path / "work" / "predictions" / "mine.spacy").is_file()


def test_compare_trains_both_sides_on_one_backbone_and_ours(run, tmp_path, corpora, tiny_bert, tiny_llama):
    config = tmp_path / "own.cfg"
    text = CONFIG.read_text(encoding="utf8").replace("assets/llama-mini", str(tiny_llama))
    config.write_text(text.replace("max_epochs = 4", "max_epochs = 1"), encoding="utf8")
    names = ("bert_ner", "bert_crf", "llama_crf_ner")
    options = [part for name in names for part in ("--system", name)]
    done = run("compare", *corpora, *options, "--bert", tiny_bert, "--config", config)
    assert done.exit_code == 0, done.output
    _, systems = read(tmp_path)
    assert list(systems) == list(names)
    assert all(system["words_per_second"] > 0 and system["bytes"] > 0 for system in systems.values())
    assert all(system["training_seconds"] > 0 for system in systems.values())


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (["--system", "magic"], "No system magic"),
        (["--system", "llama_crf_ner"], "needs --config"),
        (["--system", "llama_crf_ner", "--config", "none.cfg"], "No config at none.cfg"),
        (["--system", "llama_crf_ner", "--config", "empty.cfg"], "0 components with factory"),
        (["--model", "no-name"], "expected NAME=PLACE"),
        (["--model", "lookup=x"], "stands for two systems"),
        (["--predictions", "p=none.spacy"], "No predictions at none.spacy"),
        (["--model", "m=no-such-pipeline"], "E050"),
    ],
)
def test_compare_wrong_input_is_one_message_before_any_training(
    run, tmp_path, corpora, monkeypatch, options, error
):
    monkeypatch.chdir(tmp_path)
    spacy.blank("en").config.to_disk("empty.cfg")
    done = run("compare", *corpora, *options)
    assert done.exit_code == 1
    assert "Comparison failed" in done.output
    assert error in done.output
    assert not (tmp_path / "work").exists()
