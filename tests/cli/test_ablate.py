"""The command `ablate`."""

import json

import pytest
from spacy_train import CONFIG, write_corpus

CELL = "bidirectional, softmax, LoRA"


@pytest.fixture
def arguments(tmp_path, tiny_llama):
    """Arguments for one short training."""
    corpus = write_corpus(tmp_path / "corpus.spacy", copies=1)
    return [
        *("ablate", CONFIG, "--train", corpus, "--dev", corpus, "--output", tmp_path / "ablate.json"),
        *("--work", tmp_path / "work", "--seed", 0, "--only", CELL),
        *("--set", f"components.llama_crf_ner.model.backbone.name={tiny_llama}"),
        *("--set", "components.llama_crf_ner.model.lora_rank=4", "--set", "training.max_epochs=1"),
    ]


def read(tmp_path):
    return json.loads((tmp_path / "ablate.json").read_text(encoding="utf8"))


def test_ablate_trains_a_cell_once_and_on_another_corpus_only_if_told(run, tmp_path, arguments, monkeypatch):
    done = run(*arguments, "--markdown", tmp_path / "ablate.md")
    assert done.exit_code == 0, done.output
    result = read(tmp_path)
    assert list(result["cells"]) == [CELL]
    assert result["cells"][CELL]["n"] == 1
    assert result["scored_on"] == str(tmp_path / "corpus.spacy")
    assert CELL in (tmp_path / "ablate.md").read_text(encoding="utf8")

    again = run(*arguments)
    assert "0 of 1 trainings to do" in again.output
    assert read(tmp_path) == result

    write_corpus(tmp_path / "corpus.spacy", copies=2)
    trained = {"seconds": 1.0, "folder": result["runs"][f"{CELL}, seed 0"]["folder"]}
    monkeypatch.setattr("spacy_llama_ner.comparison.ablation.run_cell", lambda *_, **__: trained)
    refused = run(*arguments)
    assert refused.exit_code == 1
    message = " ".join(refused.output.split())
    assert "holds 1 of 1 runs that are of another config, corpus or backbone, such as" in message
    assert f"'{CELL}, seed 0': give another --output" in message
    assert read(tmp_path) == result

    assert "1 of 1 trainings to do" in run(*arguments, "--replace").output
    assert read(tmp_path)["runs"][f"{CELL}, seed 0"]["inputs"] != result["runs"][f"{CELL}, seed 0"]["inputs"]


def test_ablate_failed_training_is_one_message_with_its_output(run, tmp_path, arguments):
    done = run(*arguments, "--set", "training.dropout=[]")
    assert done.exit_code == 1
    assert f"{CELL}, seed 0: spacy train failed" in done.output
    assert "output.txt" in done.output


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (["--set", "epochs"], "expected KEY=VALUE"),
        (["--only", "sideways"], "leaves no cell"),
        (["--test", "none.spacy"], "No corpus at none.spacy"),
    ],
)
def test_ablate_wrong_input_is_one_message(run, tmp_path, arguments, options, error):
    before = (
        [part for part in arguments if part not in ("--only", CELL)] if "--only" in options else arguments
    )
    done = run(*before, *options)
    assert done.exit_code == 1
    assert "Ablation failed" in done.output
    assert error in done.output
    assert not (tmp_path / "work").exists()


def test_ablate_does_not_replace_a_file_that_is_none_of_its_own(run, tmp_path, arguments):
    (tmp_path / "ablate.json").write_text('{"f1": 0.9}')
    done = run(*arguments)
    assert done.exit_code == 1
    assert "holds no ablation" in done.output
    assert read(tmp_path) == {"f1": 0.9}
