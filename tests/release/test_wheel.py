"""Building wheels and reading their requirements."""

import zipfile
from pathlib import Path

import pytest

from spacy_llama_ner.release.errors import ReleaseError
from spacy_llama_ner.release.wheel import (
    build_project_wheel,
    build_wheel,
    check_requires_project,
    wheel_requirements,
)

ROOT = Path(__file__).parents[2]


def make_wheel(path, requirements):
    with zipfile.ZipFile(path, "w") as archive:
        lines = [
            "Metadata-Version: 2.4",
            "Name: x",
            "Version: 1",
            *(f"Requires-Dist: {r}" for r in requirements),
        ]
        archive.writestr("x-1.dist-info/METADATA", "\n".join(lines) + "\n\nReadme.\n")
    return path


def test_build_project_wheel_holds_the_package_and_its_entry_points(project_wheel):
    names = zipfile.ZipFile(project_wheel).namelist()
    assert "spacy_llama_ner/cli/__init__.py" in names
    assert "spacy_llama_ner/py.typed" in names
    assert not [name for name in names if "__pycache__" in name or name.startswith("tests")]
    [dist_info] = {name.split("/")[0] for name in names if ".dist-info/" in name}
    # spaCy finds the requirement of a pipeline through top_level.txt.
    assert f"{dist_info}/top_level.txt" in names
    entry_points = zipfile.ZipFile(project_wheel).read(f"{dist_info}/entry_points.txt").decode()
    assert "[spacy_factories]\nllama_crf_ner = " in entry_points


def test_build_project_wheel_leaves_the_checkout_as_it_was(tmp_path):
    before = {path.name for path in ROOT.iterdir()}
    build_project_wheel(ROOT, tmp_path)
    assert {path.name for path in ROOT.iterdir()} == before


@pytest.mark.parametrize("pyproject", [None, '[project]\nname = "other"\n'])
def test_build_project_wheel_refuses_another_folder(tmp_path, pyproject):
    if pyproject:
        (tmp_path / "pyproject.toml").write_text(pyproject, encoding="utf8")
    with pytest.raises(FileNotFoundError, match="is not the folder of spacy-llama-ner"):
        build_project_wheel(tmp_path, tmp_path / "dist")


def test_build_wheel_failure_shows_the_last_lines(tmp_path):
    (tmp_path / "setup.py").write_text("raise SystemExit('no such luck')\n", encoding="utf8")
    with pytest.raises(
        ReleaseError, match=r"Building a wheel of .* failed \(exit 1, 0 wheels\)(.|\n)*no such luck"
    ):
        build_wheel(tmp_path, tmp_path / "dist")


def test_wheel_requirements_reads_metadata_alone(tmp_path):
    wheel = make_wheel(tmp_path / "x-1-py3-none-any.whl", ["a>=1", "b"])
    assert wheel_requirements(wheel) == ["a>=1", "b"]


@pytest.mark.parametrize("content", [b"", b"no zip"])
def test_wheel_requirements_refuses_another_file(tmp_path, content):
    (tmp_path / "x.whl").write_bytes(content)
    with pytest.raises(ReleaseError, match=r"x\.whl is not a readable wheel"):
        wheel_requirements(tmp_path / "x.whl")


def test_wheel_requirements_refuses_a_zip_without_metadata(tmp_path):
    zipfile.ZipFile(tmp_path / "x.whl", "w").close()
    with pytest.raises(ReleaseError, match=r"x\.whl is not a readable wheel"):
        wheel_requirements(tmp_path / "x.whl")


@pytest.mark.parametrize(
    "requirement", ["spacy-llama-ner<0.2.0,>=0.1.0", "spacy_llama_ner", "Spacy.Llama-NER ; a"]
)
def test_check_requires_project_finds_any_spelling(tmp_path, requirement):
    assert check_requires_project(make_wheel(tmp_path / "x.whl", ["torch", requirement])) == requirement


@pytest.mark.parametrize("requirements", [[], ["spacy"], ["spacy-llama-ner-extras"]])
def test_check_requires_project_says_how_to_mend(tmp_path, requirements):
    with pytest.raises(
        ReleaseError, match=r"does not require spacy-llama-ner (.|\n)*pip install -e \.(.|\n)*meta\.json"
    ):
        check_requires_project(make_wheel(tmp_path / "x.whl", requirements))


@pytest.fixture
def source(tmp_path):
    """A small package to build, with a file that can be compressed."""
    folder = tmp_path / "source" / "en_small"
    (folder / "en_small").mkdir(parents=True)
    (folder / "setup.py").write_text(
        "from setuptools import setup\n"
        "setup(name='en_small', version='1', packages=['en_small'], package_data={'en_small': ['weights']})\n"
    )
    (folder / "en_small" / "__init__.py").touch()
    (folder / "en_small" / "weights").write_bytes(bytes(10_000))
    return folder


@pytest.mark.parametrize(("limit", "kind"), [(9_000, zipfile.ZIP_STORED), (10**6, zipfile.ZIP_DEFLATED)])
def test_build_wheel_does_not_compress_what_is_large(source, tmp_path, monkeypatch, limit, kind):
    monkeypatch.setattr("spacy_llama_ner.release.wheel.STORED_BYTES", limit)
    archive = zipfile.ZipFile(build_wheel(source, tmp_path / "dist"))
    assert archive.getinfo("en_small/weights").compress_type == kind
    assert archive.testzip() is None


def test_build_wheel_that_takes_too_long(source, tmp_path, monkeypatch):
    monkeypatch.setattr("spacy_llama_ner.release.wheel.TIME_LIMIT", 0.01)
    with pytest.raises(ReleaseError, match=r"Building a wheel of .* \(0\.0 GB\) took longer than 0 seconds"):
        build_wheel(source, tmp_path / "dist")
    assert not (tmp_path / "dist").exists()
