"""Run commands as a shell does, but in this process."""

from collections.abc import Callable

import pytest
from click.testing import Result
from typer.testing import CliRunner

from spacy_llama_ner.cli import app


@pytest.fixture
def run() -> Callable[..., Result]:
    """A function that runs a command with arguments and gives its exit code and output."""

    def run_command(*arguments: object) -> Result:
        return CliRunner().invoke(app, [str(argument) for argument in arguments])

    return run_command
