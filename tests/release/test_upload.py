"""Laying out a package as a repository of the hub."""

import zipfile
from pathlib import Path

import pytest
from pipeline_wheels import make_light_pipeline, make_pipeline_wheel
from ruler import save_ruler

from spacy_llama_ner.release.errors import ReleaseError
from spacy_llama_ner.release.upload import prepare_upload

REPO = "anna/en_ruler_ner"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    return make_pipeline_wheel(folder, save_ruler(folder / "model"), name="ruler_ner")


@pytest.fixture(scope="module")
def light_wheel(tmp_path_factory, tiny_llama) -> Path:
    folder = tmp_path_factory.mktemp("light")
    return make_pipeline_wheel(folder, make_light_pipeline(folder / "model", tiny_llama)[0])


def test_prepare_upload_has_the_pipeline_at_the_root_and_the_wheel_beside(wheel):
    with prepare_upload(wheel, REPO) as upload:
        assert {
            "config.cfg",
            "meta.json",
            "vocab/strings.json",
            "README.md",
            wheel.name,
        } <= upload.files.keys()
        assert upload.sizes()[wheel.name] == wheel.stat().st_size
        assert (upload.package, upload.version) == ("en_ruler_ner", "0.1.0")
        unpacked = upload.files["config.cfg"]
    assert not unpacked.exists()


def test_prepare_upload_finds_the_wheel_in_a_folder(wheel, tmp_path):
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist" / wheel.name).write_bytes(wheel.read_bytes())
    with prepare_upload(tmp_path, REPO) as upload:
        assert wheel.name in upload.files


def test_prepare_upload_card_names_the_address(wheel):
    with prepare_upload(wheel, REPO, revision="a/b") as upload:
        card = upload.files["README.md"].read_text(encoding="utf8")
        assert card == upload.card
        assert (
            f'/anna/en_ruler_ner/resolve/a%2Fb/{wheel.name}"  # it requires spacy-llama-ner' in upload.install
        )
        assert upload.install in card


def test_prepare_upload_light_llama_has_a_notice(light_wheel):
    with prepare_upload(light_wheel, "anna/Llama-ner") as upload:
        assert upload.files["NOTICE"].read_text(encoding="utf8").startswith("Llama 3.2 is licensed under")
        assert upload.warnings == []


def test_prepare_upload_warns_of_a_name_that_the_licence_forbids(light_wheel):
    with prepare_upload(light_wheel, "anna/ner") as upload:
        [warning] = upload.warnings
        assert "begins with 'Llama', and 'ner' does not" in warning


def test_prepare_upload_warns_of_a_missing_licence(tmp_path, tiny_llama):
    pipeline_dir, _ = make_light_pipeline(tmp_path / "model", tiny_llama, inside=True)
    with prepare_upload(make_pipeline_wheel(tmp_path, pipeline_dir), "anna/Llama-ner") as upload:
        [warning] = upload.warnings
        assert "save it as LICENSE" in warning
    (pipeline_dir / "LICENSE").write_text("LLAMA 3.2 COMMUNITY LICENSE AGREEMENT", encoding="utf8")
    with prepare_upload(make_pipeline_wheel(tmp_path, pipeline_dir), "anna/Llama-ner") as upload:
        assert upload.warnings == []


def test_prepare_upload_refuses_a_backbone_that_nobody_else_has(tmp_path, tiny_llama):
    pipeline_dir, _ = make_light_pipeline(tmp_path / "model", tiny_llama, hub_name=str(tiny_llama))
    with (
        pytest.raises(ReleaseError, match="a folder of this machine, so nobody else could load it"),
        prepare_upload(make_pipeline_wheel(tmp_path, pipeline_dir), REPO),
    ):
        pass


@pytest.mark.parametrize("name", ["ner", "a/b/c", "anna/n r", "anna/-ner", "anna/ner.git", ""])
def test_prepare_upload_refuses_a_name_that_is_none(wheel, name):
    with (
        pytest.raises(ValueError, match="is not a repository's name, expected owner/name"),
        prepare_upload(wheel, name),
    ):
        pass


def test_prepare_upload_refuses_a_missing_source(tmp_path):
    with pytest.raises(ValueError, match="does not exist"), prepare_upload(tmp_path / "x.whl", REPO):
        pass


@pytest.mark.parametrize(("names", "found"), [([], "none"), (["a.whl", "b.whl"], "a.whl, b.whl")])
def test_prepare_upload_refuses_a_folder_without_one_wheel(tmp_path, names, found):
    for name in names:
        (tmp_path / name).touch()
    with (
        pytest.raises(ValueError, match=f"must have one wheel, found: {found}"),
        prepare_upload(tmp_path, REPO),
    ):
        pass


def test_prepare_upload_refuses_a_file_that_is_no_wheel(tmp_path):
    (tmp_path / "x.whl").write_bytes(b"no")
    with (
        pytest.raises(ReleaseError, match="is not a readable wheel"),
        prepare_upload(tmp_path / "x.whl", REPO),
    ):
        pass


def test_prepare_upload_refuses_a_wheel_without_a_pipeline(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.whl", "w") as archive:
        archive.writestr("x-1.dist-info/METADATA", "Name: x\nVersion: 1\nRequires-Dist: spacy-llama-ner\n")
    with pytest.raises(ReleaseError, match="has no pipeline in it"), prepare_upload(tmp_path / "x.whl", REPO):
        pass


def test_prepare_upload_refuses_another_project_wheel(wheel):
    with (
        pytest.raises(ValueError, match="is not a wheel of spacy-llama-ner"),
        prepare_upload(wheel, REPO, project_wheel=wheel),
    ):
        pass
