"""New environments that wheels are installed into; what needs an index is marked slow."""

import subprocess
import sys
from pathlib import Path

import pytest

from spacy_llama_ner.release.environment import (
    Dependencies,
    _pip_install,
    clean_variables,
    create_environment,
)
from spacy_llama_ner.release.errors import ReleaseError

ROOT = Path(__file__).parents[2]


@pytest.fixture
def no_index(monkeypatch):
    """An index that refuses connections, and no other place to look."""
    for name in ("PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_NO_INDEX"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")


def test_create_environment_shares_without_an_index(tmp_path, no_index, project_wheel, caplog):
    python, mode = create_environment(tmp_path / "venv", [project_wheel], dependencies=Dependencies.auto)
    assert mode == Dependencies.share
    assert "pip reached no package index" in caplog.text
    script = "import spacy_llama_ner, thinc; print(spacy_llama_ner.__file__); print(thinc.__file__)"
    command = [str(python), "-I", "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
    ours, theirs = done.stdout.splitlines()
    assert Path(ours).is_relative_to(tmp_path / "venv")
    assert not Path(theirs).is_relative_to(tmp_path / "venv")


def test_create_environment_install_needs_an_index(tmp_path, no_index, project_wheel):
    with pytest.raises(
        ReleaseError, match=r"could not install the wheels and what they require:(.|\n)*spacy"
    ):
        create_environment(tmp_path / "venv", [project_wheel], dependencies=Dependencies.install)


def test_create_environment_install_refuses_a_broken_wheel(tmp_path, no_index):
    wheel = tmp_path / "broken-1-py3-none-any.whl"
    wheel.write_bytes(b"no zip")
    with pytest.raises(ReleaseError, match="could not install the wheels and what they require"):
        create_environment(tmp_path / "venv", [wheel], dependencies=Dependencies.install)


def test_create_environment_share_refuses_a_broken_wheel(tmp_path):
    wheel = tmp_path / "broken-1-py3-none-any.whl"
    wheel.write_bytes(b"no zip")
    with pytest.raises(ReleaseError, match=r"could not install the wheels:\n"):
        create_environment(tmp_path / "venv", [wheel], dependencies=Dependencies.share)


def test_create_environment_missing_wheel(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"No file .*x\.whl"):
        create_environment(tmp_path / "venv", [tmp_path / "x.whl"])


def test_create_environment_missing_constraints(tmp_path, project_wheel):
    with pytest.raises(FileNotFoundError, match=r"No file .*c\.txt"):
        create_environment(tmp_path / "venv", [project_wheel], constraints=tmp_path / "c.txt")


def test_pip_install_time_limit(tmp_path):
    # The limit passes before pip gets to look for the file in this, the tests' own environment.
    with pytest.raises(ReleaseError, match="pip took longer than 0 seconds"):
        _pip_install(Path(sys.executable), [tmp_path / "x.whl"], ["--no-index"], time_limit=0.01)


def test_clean_variables_hides_this_environment(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    monkeypatch.setenv("KEPT", "yes")
    assert clean_variables()["KEPT"] == "yes"
    assert "PYTHONPATH" not in clean_variables()
