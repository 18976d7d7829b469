"""States of an examination, on a tiny backbone."""

from collections.abc import Callable
from pathlib import Path

import pytest
from doctor_config import write_config

from spacy_llama_ner.doctor.plan import read_plan
from spacy_llama_ner.doctor.state import State


@pytest.fixture
def make_state(tmp_path: Path, tiny_llama: Path) -> Callable[..., State]:
    """A function that makes the state of a config on the tiny Llama, from its settings."""

    def make(backbone: Path | str = tiny_llama, **settings: object) -> State:
        config = write_config(tmp_path / "tiny.cfg", backbone, **settings)
        return State(read_plan(config, corpus=None, work=tmp_path), -1, tmp_path / "training")

    return make
