"""Fixtures of the tests with hostile input."""

import sys
from pathlib import Path

import pytest

# The test folders are no packages; this makes the modules beside this file importable.
sys.path.insert(0, str(Path(__file__).parent))

from random_pipelines import Pipelines, make_unigram_llama

LLAMA_MINI = Path(__file__).parents[2] / "assets" / "llama-mini"


@pytest.fixture(scope="session")
def pipelines(tiny_llama: Path, tiny_bert: Path, tmp_path_factory: pytest.TempPathFactory) -> Pipelines:
    """Pipelines with random heads, for all tests."""
    unigram = make_unigram_llama(tmp_path_factory.mktemp("unigram"), llama=tiny_llama)
    folders = {"llama": tiny_llama, "bert": tiny_bert, "unigram": unigram, "llama-mini": LLAMA_MINI}
    return Pipelines(folders)
