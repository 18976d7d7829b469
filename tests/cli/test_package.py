"""The command `package`."""

import json
import zipfile
from pathlib import Path

from ruler import make_gold, make_ruler, save_corpus, save_ruler

ROOT = Path(__file__).parents[2]


def test_package_builds_both_wheels(run, tmp_path, monkeypatch):
    model_dir = save_ruler(tmp_path / "model")
    corpus = save_corpus(
        tmp_path / "test.spacy", [make_gold(make_ruler(), [("Lisbon slept", ["B-LOC", "O"])])]
    )
    assert run("evaluate", model_dir, corpus, "--output", tmp_path / "m.json").exit_code == 0
    monkeypatch.chdir(ROOT)
    done = run(
        *("package", model_dir, tmp_path / "packages", "--name", "llama_crf_ner", "--version", "0.3.0"),
        *("--metrics", tmp_path / "m.json", "--about", ROOT / "configs" / "mini.about.json"),
        *("--with-project", "--project-output", tmp_path / "dist"),
    )
    assert done.exit_code == 0, done.output
    package_dir = tmp_path / "packages" / "en_llama_crf_ner-0.3.0"
    archive = zipfile.ZipFile(package_dir / "dist" / "en_llama_crf_ner-0.3.0-py3-none-any.whl")
    meta = json.loads(archive.read("en_llama_crf_ner/meta.json"))
    assert meta["performance"]["ents_f"] == 1.0
    assert meta["license"] == "CC BY-SA 3.0"
    assert {"CC BY 4.0", "CC BY 2.5"} <= {source["license"] for source in meta["sources"]}
    assert len(list((tmp_path / "dist").glob("spacy_llama_ner-*.whl"))) == 1
    assert "It requires spacy-llama-ner" in done.output
    assert " MB)" in done.output


def test_package_without_the_requirement_fails(run, tmp_path):
    model_dir = save_ruler(tmp_path / "model", requirements=())
    done = run("package", model_dir, tmp_path / "packages")
    assert done.exit_code == 1
    assert "Packaging failed" in done.output
    assert "does not require spacy-llama-ner" in done.output


def test_package_missing_metrics(run, tmp_path):
    done = run(
        "package", save_ruler(tmp_path / "model"), tmp_path / "packages", "--metrics", tmp_path / "m.json"
    )
    assert done.exit_code == 1
    assert "m.json" in done.output
    assert "Traceback" not in done.output


def test_package_with_project_outside_a_checkout(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = run("package", save_ruler(tmp_path / "model"), "packages", "--with-project")
    assert done.exit_code == 1
    assert "is not the folder of spacy-llama-ner" in done.output
