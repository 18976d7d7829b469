"""A tiny pipeline that is too sure of itself."""

import copy
from pathlib import Path

import pytest
from half_learned import make_half_learned
from spacy.language import Language


@pytest.fixture(scope="session")
def half_learned(tiny_llama: Path) -> Language:
    """A pipeline that tests must not change."""
    return make_half_learned(tiny_llama)


@pytest.fixture
def nlp(half_learned: Language) -> Language:
    """One for each test."""
    return copy.deepcopy(half_learned)


@pytest.fixture
def folder(half_learned: Language, tmp_path: Path) -> Path:
    """The folder of a saved one."""
    half_learned.to_disk(tmp_path / "model")
    return tmp_path / "model"
