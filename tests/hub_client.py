"""A process that talks to a local hub: huggingface_hub reads its settings once, when it is imported."""

import os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from unittest.mock import patch

from hub_uploads import WRITER, UploadServer


class UploadClient:
    """A process of its own that talks to a server, inside a `with` block; one for all tests of a module.

    server (UploadServer): The server.
    home (Path): The process's cache folder.
    """

    def __init__(self, server: UploadServer, home: Path) -> None:
        self._environment = server.environment(home)
        self._pool = ProcessPoolExecutor(1, mp_context=get_context("spawn"))

    def __enter__(self) -> "UploadClient":
        with patch.dict(os.environ, self._environment, clear=True):
            self._pool.submit(os.getpid).result()
        return self

    def __exit__(self, *error: object) -> None:
        self._pool.shutdown()

    def run(
        self,
        *arguments: object,
        token: str | None = WRITER,
        endpoint: str | None = None,
        offline: bool = False,
    ) -> tuple[int, str]:
        """RETURNS (tuple[int, str]): Exit code and output of a command of this project."""
        texts = [str(argument) for argument in arguments]
        return self._pool.submit(_run, texts, token, endpoint, offline).result()

    def download(self, repo_id: str, **options: object) -> Path:
        """RETURNS (Path): Where `snapshot_download` put a repository."""
        return self._pool.submit(_download, repo_id, options).result()


def _run(arguments: list[str], token: str | None, endpoint: str | None, offline: bool) -> tuple[int, str]:
    from huggingface_hub import constants
    from huggingface_hub.utils._http import reset_sessions
    from typer.testing import CliRunner

    from spacy_llama_ner.cli import app

    os.environ.pop("HF_TOKEN", None)
    os.environ |= {"HF_TOKEN": token} if token else {}
    reset_sessions()  # a session asks once whether this is offline mode
    with patch.multiple(constants, ENDPOINT=endpoint or constants.ENDPOINT, HF_HUB_OFFLINE=offline):
        result = CliRunner().invoke(app, arguments)
    reset_sessions()
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, " ".join(result.output.split())


def _download(repo_id: str, options: dict) -> Path:
    from huggingface_hub import snapshot_download

    return Path(snapshot_download(repo_id, **options))
