"""Fixtures that tests of several parts share."""

import sys
from pathlib import Path

import pytest

# The test folders are no packages; this makes the modules beside this file importable.
sys.path.insert(0, str(Path(__file__).parent))

from hub_server import HubServer
from tiny_models import make_tiny_bert, make_tiny_llama


@pytest.fixture(scope="session")
def hub_server() -> type[HubServer]:
    """The class of a local Hugging Face hub: `with hub_server(models=...) as hub:`."""
    return HubServer


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    """Tests share two cores with whatever else runs; torch's threads would wait for each other."""
    import torch

    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def tiny_llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tiny Llama of random weights."""
    return make_tiny_llama(tmp_path_factory.mktemp("tiny-llama"))


@pytest.fixture(scope="session")
def tiny_bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tiny BERT of random weights."""
    return make_tiny_bert(tmp_path_factory.mktemp("tiny-bert"))
