"""A small split of invented sentences, and a config that trains on it in seconds."""

from pathlib import Path

import pytest
from spacy_train import CONFIG, write_corpus

from spacy_llama_ner.comparison.systems import Split


@pytest.fixture(scope="session")
def split(tmp_path_factory) -> Split:
    """Corpora with the same sentences, more of them to train on."""
    folder = tmp_path_factory.mktemp("split")
    paths = [
        write_corpus(folder / f"{name}.spacy", copies=n)
        for name, n in (("train", 4), ("dev", 1), ("test", 2))
    ]
    return Split(*paths)


@pytest.fixture
def config() -> Path:
    """The config of the profile mini."""
    return CONFIG
