"""Fixtures of the tests with hostile input."""

import sys
from pathlib import Path

import pytest

# The test folders are no packages; this makes the modules beside this file importable.
sys.path.insert(0, str(Path(__file__).parent))

from random_pipelines import Pipelines

LLAMA_MINI = Path(__file__).parents[2] / "assets" / "llama-mini"


@pytest.fixture(scope="session")
def pipelines(tiny_llama: Path, tiny_bert: Path) -> Pipelines:
    """Pipelines with random heads, for all tests."""
    return Pipelines({"llama": tiny_llama, "bert": tiny_bert, "llama-mini": LLAMA_MINI})
