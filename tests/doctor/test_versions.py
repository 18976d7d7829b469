"""Versions against our metadata and the tested ones."""

import pytest

from spacy_llama_ner.doctor import versions
from spacy_llama_ner.doctor.versions import check_versions

REQUIRED = ["spacy<3.9,>=3.8", "peft<0.22,>=0.15", 'scipy>=1.11; extra == "project"', 'ruff; extra == "dev"']


@pytest.fixture
def check(monkeypatch, tmp_path):
    """A function that checks given installed versions, and gives the rows by name."""

    def run(found, *, constraints="", gpu_id=-1, builds=()):
        monkeypatch.setattr(versions, "requires", lambda _: REQUIRED)
        monkeypatch.setattr(versions, "installed", found.get)
        monkeypatch.setattr(versions, "_distributions", lambda: set(builds))
        path = tmp_path / "constraints.txt"
        if constraints:
            path.write_text(constraints, encoding="utf8")
        return {row.what: row for row in check_versions(gpu_id=gpu_id, constraints=path)}

    return run


GOOD = {"spacy": "3.8.18", "peft": "0.21.2", "scipy": "1.17.1"}


def test_versions_in_range_are_ok(check):
    rows = check(GOOD)
    assert list(rows) == ["Python", "spacy", "peft", "scipy"]  # not the extra for development
    assert {row.status for row in rows.values()} == {"ok"}


def test_version_out_of_range_fails_with_the_command_that_mends_it(check):
    row = check({**GOOD, "peft": "0.22.0"})["peft"]
    assert (row.status, row.found) == ("fail", "0.22.0, asked <0.22,>=0.15")
    assert 'pip install -c constraints.txt "peft<0.22,>=0.15"' in row.advice


def test_package_that_is_not_installed_fails(check):
    row = check({"spacy": "3.8.18", "peft": "0.21.2"})["scipy"]
    assert (row.status, row.found) == ("fail", "not installed, asked >=1.11")


def test_build_for_cuda_is_the_tested_version(check):
    rows = check({**GOOD, "peft": "0.21.2+cu126"}, constraints="peft==0.21.2\n")
    assert rows["peft"].status == "ok"
    assert rows["tested versions (constraints.txt)"].found == "as tested"


def test_other_version_than_tested_warns(check):
    rows = check(GOOD, constraints="# tested\nspacy==3.8.18\npeft==0.20.0\nabsent==1.0\n")
    row = rows["tested versions (constraints.txt)"]
    assert (row.status, row.found) == ("warn", "1 of 3 differ")
    assert "peft 0.21.2 (==0.20.0)" in row.advice


def test_gpu_needs_cupy(check, monkeypatch):
    monkeypatch.setattr(versions.platform, "system", lambda: "Linux")
    assert "CuPy" not in check(GOOD)
    assert check(GOOD, gpu_id=0)["CuPy"].status == "fail"
    found = {**GOOD, "cupy-cuda12x": "13.4.0"}
    assert check(found, gpu_id=0, builds=["cupy-cuda12x"])["CuPy"].found == "cupy-cuda12x 13.4.0"


def test_package_without_metadata_is_an_error(monkeypatch, tmp_path):
    monkeypatch.setattr(versions, "PACKAGE", "no-such-package-of-ours")
    with pytest.raises(ValueError, match="is not installed, so spaCy does not find its component"):
        check_versions(gpu_id=-1, constraints=tmp_path / "none.txt")
