"""Packaging a pipeline; named after what it packages, since the command's test is test_package."""

import json
import zipfile

import pytest
import spacy
from ruler import save_ruler

from spacy_llama_ner.release.errors import ReleaseError
from spacy_llama_ner.release.package import package_pipeline
from spacy_llama_ner.release.wheel import wheel_requirements

DATA = "en_ruler_ner/en_ruler_ner-0.2.0"


def test_package_pipeline_wheel_requires_the_project(pipeline_wheel):
    assert pipeline_wheel.name == "en_ruler_ner-0.2.0-py3-none-any.whl"
    [requirement] = wheel_requirements(pipeline_wheel)
    assert requirement.startswith("spacy-llama-ner")


def test_package_pipeline_wheel_holds_a_loadable_pipeline(pipeline_wheel, tmp_path):
    zipfile.ZipFile(pipeline_wheel).extractall(tmp_path)
    doc = spacy.load(tmp_path / DATA)("Ilse Vandermeer left Norway.")
    assert [(ent.text, ent.label_) for ent in doc.ents] == [("Ilse Vandermeer", "PER"), ("Norway", "LOC")]


def test_package_pipeline_wheel_readme_is_the_model_card(pipeline_wheel):
    archive = zipfile.ZipFile(pipeline_wheel)
    card = archive.read(f"{DATA}/README.md").decode()
    assert card.startswith("---\ntags:")
    assert card.rstrip() in archive.read("en_ruler_ner-0.2.0.dist-info/METADATA").decode()


def test_package_pipeline_finds_labels_and_name(pipeline_wheel):
    meta = json.loads(zipfile.ZipFile(pipeline_wheel).read("en_ruler_ner/meta.json"))
    assert sorted(meta["labels"]["entity_ruler"]) == ["LOC", "ORG", "PER"]
    assert (meta["name"], meta["version"]) == ("ruler_ner", "0.2.0")


def test_package_pipeline_leaves_no_litter(pipeline_wheel):
    package_dir = pipeline_wheel.parents[1]
    assert {path.name for path in package_dir.parent.iterdir()} == {"en_ruler_ner-0.2.0"}
    assert not [path for path in package_dir.iterdir() if path.name == "build" or path.suffix == ".egg-info"]


def test_package_pipeline_leaves_the_model_as_it_was(model_dir, pipeline_wheel):
    assert not (model_dir / "README.md").exists()
    assert json.loads((model_dir / "meta.json").read_text(encoding="utf8"))["name"] == "pipeline"


def test_package_pipeline_replaces_an_older_build(tmp_path, model_dir):
    stale = tmp_path / DATA.replace("/", "-0.2.0/en_ruler_ner/", 1) / "stale.bin"
    stale.parent.mkdir(parents=True)
    stale.touch()
    wheel = package_pipeline(model_dir, tmp_path, name="ruler_ner", version="0.2.0")
    assert not [name for name in zipfile.ZipFile(wheel).namelist() if "stale" in name]


def test_package_pipeline_without_a_requirement(tmp_path):
    model_dir = save_ruler(tmp_path / "model", requirements=())
    with pytest.raises(ReleaseError, match=r"does not require spacy-llama-ner \(but: nothing\)"):
        package_pipeline(model_dir, tmp_path / "packages", name="ruler_ner", version="0.2.0")


def test_package_pipeline_without_a_pipeline(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"No pipeline in .*: it has no meta\.json"):
        package_pipeline(tmp_path, tmp_path / "packages", name="a", version="1")


def test_package_pipeline_that_spacy_refuses(tmp_path):
    model_dir = save_ruler(tmp_path / "model")
    meta = json.loads((model_dir / "meta.json").read_text(encoding="utf8"))
    (model_dir / "meta.json").write_text(json.dumps({**meta, "email": 1}), encoding="utf8")
    with pytest.raises(
        ReleaseError, match=r"`spacy package` refused the pipeline: Invalid pipeline meta\.json \[email\]"
    ):
        package_pipeline(model_dir, tmp_path / "packages", name="a", version="1")
