"""The command `clean`."""

import subprocess
from pathlib import Path

import pytest

from spacy_llama_ner.cli.clean import check_removable


@pytest.fixture
def checkout(tmp_path, monkeypatch) -> Path:
    """A repository with a tracked file, as the current folder, and a file beside it."""
    here = tmp_path / "checkout"
    (here / "src").mkdir(parents=True)
    (here / "src" / "kept.py").touch()
    (tmp_path / "beside.txt").touch()
    for command in (["git", "init", "-q"], ["git", "add", "src/kept.py"]):
        subprocess.run(command, cwd=here, check=True)
    monkeypatch.chdir(here)
    return here


def test_clean_removes_files_and_folders(run, checkout):
    (checkout / "metrics" / "mini").mkdir(parents=True)
    (checkout / "metrics" / "mini" / "test.json").touch()
    (checkout / "project.lock").touch()
    done = run("clean", "metrics/", "project.lock", "packages")
    assert done.exit_code == 0, done.output
    assert {path.name for path in checkout.iterdir()} == {".git", "src"}
    assert "Removed metrics" in done.output
    assert "Removed project.lock" in done.output
    assert "packages is not there" in done.output


def test_clean_removes_nothing_if_it_refuses_one(run, checkout):
    (checkout / "metrics").mkdir()
    done = run("clean", "metrics", "src")
    assert done.exit_code == 1
    assert "Nothing was removed" in done.output
    assert (checkout / "metrics").exists()
    assert (checkout / "src" / "kept.py").exists()


@pytest.mark.parametrize(
    "path", [".", "", "..", "../beside.txt", "src/../..", "src/../../beside.txt", "/tmp/x"]
)
def test_check_removable_refuses_outside(checkout, path):
    with pytest.raises(ValueError, match="is not a relative path to something inside"):
        check_removable(Path(path))


def test_check_removable_refuses_through_a_link(checkout):
    (checkout / "link").symlink_to(checkout.parent)
    with pytest.raises(ValueError, match="is not a relative path to something inside"):
        check_removable(Path("link/beside.txt"))


@pytest.mark.parametrize("path", [".git", ".git/config"])
def test_check_removable_refuses_git(checkout, path):
    with pytest.raises(ValueError, match="belongs to git itself"):
        check_removable(Path(path))


@pytest.mark.parametrize("path", ["src", "src/kept.py", "./src/", "gone/../src"])
def test_check_removable_refuses_tracked(checkout, path):
    with pytest.raises(ValueError, match=r"holds 1 files that git tracks, src/kept\.py"):
        check_removable(Path(path))


def test_check_removable_asks_git(checkout):
    (checkout / ".git" / "index").write_bytes(b"broken")
    with pytest.raises(OSError, match="git does not say whether x is tracked"):
        check_removable(Path("x"))


def test_clean_removes_a_link_not_what_it_points_to(run, checkout):
    (checkout / "link").symlink_to(checkout.parent / "beside.txt")
    assert run("clean", "link").exit_code == 0
    assert not (checkout / "link").is_symlink()
    assert (checkout.parent / "beside.txt").exists()


def test_clean_outside_a_repository(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    (tmp_path / "metrics").mkdir()
    assert run("clean", "metrics").exit_code == 0
    assert not (tmp_path / "metrics").exists()
