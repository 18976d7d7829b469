"""Ask the Hugging Face hub one cheap question before its clients do: is it there, and at which commit?

Without a network `huggingface_hub` tries each file six times, for 23 seconds; `transformers` does so for three
files (measured with huggingface_hub 0.36.2 and transformers 4.53.2; `utils/_http.py`, `http_backoff`).
The metadata of a repository is asked for once, without trying again (`hf_api.py`, `model_info`).
"""

import json
import logging
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from spacy_llama_ner.hub_errors import Kind, diagnose, is_mistake, status

logger = logging.getLogger("spacy_llama_ner")


@dataclass(frozen=True)
class Found:
    """Where to take a model's files from.

    revision (Optional[str]): Branch, tag or commit.
    cache_only (bool): Whether to leave the hub alone.
    """

    revision: str | None
    cache_only: bool = False


@cache  # config, weights and tokenizer are loaded one after the other
def find_model(name: str, revision: str | None = None) -> Found:
    """Check that a model can be had, by at most one small request; where the hub fails, turn to the cache.

    name (str): owner/name.
    revision (Optional[str]): Branch, tag or commit; None for main.
    RETURNS (Found): What to load. Of a hub that fails, the cached copy, with a warning that names its commit.
    RAISES (Exception): What the hub's client raises; see `hub_errors.diagnose`.
    """
    from huggingface_hub.errors import OfflineModeIsEnabled

    cached = cached_commit(name, revision)
    if is_offline() and cached is None:
        raise OfflineModeIsEnabled(f"{name} is not in the cache")
    if is_offline() or (cached is not None and cached == revision):
        return Found(revision)  # the clients need no hub for it
    try:
        ask_commit(name, kind="model", revision=revision, known=cached)
    except Exception as error:  # of several libraries
        if cached is not None and not is_mistake(error):
            logger.warning(
                "%s; taking the model %r from the cache, at commit %s",
                diagnose(error, name=name, revision=revision).reason,
                name,
                cached,
            )
            return Found(cached, cache_only=True)
        if status(error) < 500:
            raise
        # The clients try again for a while, which may help a hub in trouble.
    return Found(revision)


def ask_commit(name: str, *, kind: Kind, revision: str | None = None, known: str | None = None) -> str:
    """Ask the hub which commit a revision is, without trying again.

    name (str): owner/name.
    kind (str): "model" or "dataset".
    revision (Optional[str]): Branch, tag or commit; None for main.
    known (Optional[str]): A commit whose files are here already, so that a licence does not matter.
    RETURNS (str): The commit.
    RAISES (Exception): What the hub's client raises, a ConnectionError where no hub answers in time; see
        `hub_errors.diagnose`.
    """
    from huggingface_hub import HfApi, constants

    api, seconds = HfApi(), constants.HF_HUB_ETAG_TIMEOUT

    def ask() -> str:
        info = api.repo_info(name, repo_type=kind, revision=revision, timeout=seconds)
        if info.gated and info.sha != known:
            api.auth_check(name, repo_type=kind)  # anybody may see the metadata
        return str(info.sha)

    try:
        return _within(seconds, ask)
    except json.JSONDecodeError as error:
        raise ConnectionError(f"{constants.ENDPOINT} answered, but not as the hub does") from error


def cached_commit(name: str, revision: str | None = None) -> str | None:
    """RETURNS (Optional[str]): The commit of a revision of a model in the hub's cache; None if it is not there."""
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.utils import HFValidationError

    try:
        path = try_to_load_from_cache(name, "config.json", revision=revision)
    except HFValidationError:
        return None
    return Path(path).parent.name if isinstance(path, str) else None


def is_offline() -> bool:
    """RETURNS (bool): Whether HF_HUB_OFFLINE (or TRANSFORMERS_OFFLINE) forbids all requests."""
    from huggingface_hub import constants

    return bool(constants.HF_HUB_OFFLINE)


def is_commit(revision: str | None) -> bool:
    """RETURNS (bool): Whether a revision is a whole commit hash, which never moves."""
    return revision is not None and re.fullmatch("[0-9a-f]{40}", revision) is not None


def _within(seconds: float, ask: Callable[[], str]) -> str:
    """Bound the whole of a request: time-outs hold for each address and not for the search for addresses."""
    answers: list[str] = []
    errors: list[Exception] = []

    def run() -> None:
        try:
            answers.append(ask())
        except Exception as error:
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if errors:
        raise errors[0]
    if not answers:
        raise TimeoutError(f"no answer within {seconds} seconds")
    return answers[0]
