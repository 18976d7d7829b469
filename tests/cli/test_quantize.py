"""The command `quantize`."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import spacy
from half_learned import PIPE, make_half_learned, save_docs
from ruler import save_ruler
from wide_models import make_wide_llama

from spacy_llama_ner.release import quantize, trial
from spacy_llama_ner.release.kinds import Kind, write_kind

pytest.importorskip("bitsandbytes")
TWO_PROCESSES = """
import sys, spacy
nlp = spacy.load(sys.argv[1])
texts = ["Anna left Oslo on Monday .", "", "Jean left Berlin ."] * 4
for n in (1, 2):
    docs = nlp.pipe(texts, n_process=n, batch_size=4)
    print([(ent.text, ent.label_, ent._.score) for doc in docs for ent in doc.ents])
"""


@pytest.fixture(autouse=True)
def _trials_in_this_process(monkeypatch):
    """A process for each trial costs seconds; tests/release has the trial itself."""

    def try_here(pipeline_dir, inputs, *, gpu_id=-1):
        if not isinstance(inputs, Path):
            source = pipeline_dir.parent / "texts.json"
            source.write_text(json.dumps(inputs), encoding="utf8")
            inputs = source
        return trial._measure(pipeline_dir, inputs, gpu_id=gpu_id)

    monkeypatch.setattr(quantize, "try_pipeline", try_here)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("half-learned")
    make_half_learned(make_wide_llama(folder / "wide-llama")).to_disk(folder / "model")
    save_docs(folder / "dev.spacy", 40, seed=1)
    return folder


@pytest.fixture(scope="module")
def nf4(trained):
    write_kind(Kind.full, trained / "model", trained / "merged")
    quantize._quantize(trained / "merged", trained / "nf4", to="nf4")
    return trained / "nf4"


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("kind", ["int8", "nf4"])
def test_quantize_writes_a_smaller_pipeline_and_reports(run, tmp_path, trained, kind):
    before = contents(trained / "model")
    output, report = tmp_path / "small", tmp_path / "metrics" / "small.json"
    corpus = trained / "dev.spacy"
    done = run("quantize", trained / "model", output, "--to", kind, "--dev", corpus, "--json", report)
    assert done.exit_code == 0, done.output
    result = json.loads(report.read_text(encoding="utf8"))
    assert (result["to"], result["model"], result["output"]) == (kind, str(trained / "model"), str(output))
    assert result["quantized"]["total"] == sum(map(len, contents(output).values()))
    assert result["quantized"]["total"] < result["merged"]["total"]
    assert result["f1_lost"] == pytest.approx(result["original"]["f1"] - result["quantized"]["f1"])
    assert result["original"]["f1"] > 0.3
    assert {"load_seconds", "predict_seconds", "peak_bytes"} <= result["quantized"].keys()
    assert result["entities"]["texts"] == 40
    assert f"Quantized to {kind}" in done.output
    assert "entities gone / new" in done.output
    config = spacy.util.load_config(output / "config.cfg")["components"][PIPE]["model"]
    assert (config["backbone"]["quantization"], config["peft"]) == (kind, None)
    meta = json.loads((output / "meta.json").read_text(encoding="utf8"))
    assert quantize.REQUIREMENT in meta["requirements"]
    assert contents(trained / "model") == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["metrics", "small"]


def test_quantized_pipeline_finds_the_entities_that_were_compared(trained, nf4):
    text = "Anna left Oslo on Monday . Jean left Berlin ."
    (doc,) = spacy.load(nf4).pipe([text])
    (before,) = spacy.load(trained / "model").pipe([text])
    assert [(ent.text, ent.label_) for ent in doc.ents] == [(ent.text, ent.label_) for ent in before.ents]
    assert len(doc.ents) >= 3


def test_quantized_pipeline_goes_through_bytes(nf4):
    nlp = spacy.load(nf4)
    again = spacy.blank("en").from_config(nlp.config).from_bytes(nlp.to_bytes())
    text = "Anna left Oslo on Monday ."
    scores = [[ent._.score for ent in pipeline(text).ents] for pipeline in (nlp, again)]
    assert scores[0] == scores[1] != []


def test_quantized_pipeline_loads_offline_and_predicts_in_two_processes(nf4):
    done = subprocess.run(
        [sys.executable, "-c", TWO_PROCESSES, str(nf4)],
        env=os.environ | {"HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    one, two = done.stdout.splitlines()
    assert one == two
    assert "Anna" in one
    assert "bitsandbytes" not in done.stderr.lower()
    assert "gemm_4bit" not in done.stderr  # what it says of a package that it lacks


def test_quantize_without_dev_compares_in_samples(run, tmp_path, trained):
    texts = tmp_path / "texts.txt"
    texts.write_text("Anna left Oslo .\n\nJean left Berlin .", encoding="utf8")
    done = run("quantize", trained / "model", tmp_path / "int8", "--to", "int8", "--texts", texts)
    assert done.exit_code == 0, done.output
    assert "entities in 2 texts (samples)" in done.output
    assert "F1" not in done.output


def test_quantize_that_loses_more_than_one_f1_warns(run, tmp_path, trained, monkeypatch):
    honest = quantize.try_pipeline

    def worse(pipeline_dir, inputs, *, gpu_id):
        result = honest(pipeline_dir, inputs, gpu_id=gpu_id)
        return result | ({"f1": 0.1} if pipeline_dir.name == "quantized" else {})

    monkeypatch.setattr(quantize, "try_pipeline", worse)
    report = tmp_path / "small.json"
    arguments = ("--to", "nf4", "--dev", trained / "dev.spacy", "--json", report)
    done = run("quantize", trained / "model", tmp_path / "small", *arguments)
    assert done.exit_code == 0, done.output
    warning = json.loads(report.read_text(encoding="utf8"))["warning"]
    assert warning.startswith("nf4 loses ")
    assert warning.endswith("more than 1; int8 loses less.")
    assert "nf4 loses" in done.output
    assert (tmp_path / "small" / "meta.json").is_file()


def test_quantize_of_a_quantized_pipeline_is_refused(run, tmp_path, nf4):
    done = run("quantize", nf4, tmp_path / "again", "--to", "int8")
    assert done.exit_code == 1
    assert "Quantizing failed" in done.output
    assert "the backbone is quantized" in done.output
    assert not (tmp_path / "again").exists()


def test_quantize_of_a_pipeline_without_a_backbone_is_refused(run, tmp_path):
    done = run("quantize", save_ruler(tmp_path / "ruler"), tmp_path / "small", "--to", "nf4")
    assert done.exit_code == 1
    assert "has no component llama_crf_ner" in done.output


def test_quantize_that_fails_leaves_the_output_as_it_was(run, tmp_path, trained, monkeypatch):
    def fail(*args, **kwargs):
        raise ValueError("no memory left")

    save_ruler(tmp_path / "output")
    before = contents(tmp_path / "output")
    monkeypatch.setattr(quantize, "try_pipeline", fail)
    done = run("quantize", trained / "model", tmp_path / "output", "--to", "nf4", "--force")
    assert done.exit_code == 1
    assert "no memory left" in done.output
    assert contents(tmp_path / "output") == before
    assert [path.name for path in tmp_path.iterdir()] == ["output"]


@pytest.mark.parametrize(
    ("output", "error"),
    [
        ("model", "is the pipeline itself, which is not replaced"),
        ("model/inside", "is inside of the pipeline"),
        ("other", "holds another pipeline: replace it with --force"),
    ],
)
def test_quantize_into_a_pipeline_is_refused_before_work(run, trained, output, error):
    if not (trained / "other").exists():
        save_ruler(trained / "other")
    before = contents(trained)
    done = run("quantize", trained / "model", trained / output, "--to", "nf4")
    assert done.exit_code == 1
    assert error in done.output
    assert contents(trained) == before


@pytest.mark.parametrize(
    ("model", "dev", "error"), [("none", "dev.spacy", "No pipeline in"), ("model", "none", "No corpus at")]
)
def test_quantize_missing_input_is_one_message(run, tmp_path, trained, model, dev, error):
    done = run("quantize", trained / model, tmp_path / "out", "--to", "nf4", "--dev", trained / dev)
    assert done.exit_code == 1
    assert error in done.output
    assert not (tmp_path / "out").exists()


def test_quantize_without_bitsandbytes_names_the_extra(run, tmp_path, trained, monkeypatch):
    monkeypatch.setattr("spacy_llama_ner.network.quantization.find_spec", lambda name: None)
    done = run("quantize", trained / "model", tmp_path / "out", "--to", "nf4")
    assert done.exit_code == 1
    assert 'pip install "spacy-llama-ner[quantization]"' in done.output
