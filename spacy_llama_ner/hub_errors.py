"""Say what an exception of the Hugging Face hub's clients means, and what to do.

Told from the types in the chain of exceptions: `transformers` and `datasets` wrap what `huggingface_hub` raised
(`huggingface_hub/errors.py`), which wraps what requests (or httpx) raised.
"""

import errno
import socket
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

Kind = Literal["model", "dataset"]
_SETTING = {"model": "components.llama_crf_ner.model.backbone.name", "dataset": "[paths] source"}
_REVISION = {
    "model": "components.llama_crf_ner.model.backbone.revision",
    "dataset": "[paths] source_revision or --revision",
}
_LOCAL = {
    "model": "point components.llama_crf_ner.model.backbone.name in the config at a local copy",
    "dataset": "take a folder of CoNLL files as the source (in the project: --vars.corpus_dir FOLDER)",
}


class Diagnosis(NamedTuple):
    """What is wrong, in a clause, and what to do, in a sentence without a full stop."""

    reason: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.reason}. {self.remedy}"


def diagnose(
    error: BaseException, *, name: str, revision: str | None = None, kind: Kind = "model"
) -> Diagnosis:
    """Say what is wrong and what to do.

    error (BaseException): As it was raised, with its chain.
    name (str): owner/name.
    revision (Optional[str]): The branch, tag or commit that was asked for.
    kind (str): "model" or "dataset".
    RETURNS (Diagnosis): Of the first case that fits.
    """
    from huggingface_hub import constants, errors, get_token

    chain = list(_chain(error))
    page = f"https://huggingface.co/{'datasets/' if kind == 'dataset' else ''}{name}"
    setting, local = _SETTING[kind], _LOCAL[kind]
    code, lost = status(error), [link for link in chain if isinstance(link, _network_errors())]
    not_here = _any(chain, errors.LocalEntryNotFoundError)
    if _any(chain, errors.GatedRepoError):
        return _gated(name, kind, page, refused_token=code == 403)
    if _any(chain, errors.HFValidationError):
        return Diagnosis(
            f"{name!r} is neither a folder (seen from {Path.cwd()}) nor a name on the hub, which is owner/name",
            f"Check {setting}, or {local}",
        )
    if _any(chain, errors.RevisionNotFoundError):
        return Diagnosis(
            f"{name} has no revision {revision or 'main'!r} on the hub",
            f"Look at its branches, tags and commits ({page}/commits/main), and set {_REVISION[kind]}",
        )
    if _any(chain, errors.RepositoryNotFoundError):
        account = (
            "check whose token you use" if get_token() else "log in with `hf auth login` or set HF_TOKEN"
        )
        return Diagnosis(
            f"the hub shows no {'model' if kind == 'model' else 'data set'} {name!r}, and there is no folder of that "
            f"name in {Path.cwd()}",
            f"Check {setting}; if {page} is private, {account}; or {local}",
        )
    if full := [link for link in chain if getattr(link, "errno", None) in (errno.ENOSPC, errno.EDQUOT)]:
        return Diagnosis(
            f"the disk is full ({full[0]})",
            f"Free some space where HF_HOME is ({constants.HF_HOME}), or set HF_HOME to a folder on another disk",
        )
    if (lost or not_here) if constants.HF_HUB_OFFLINE else (not_here and not lost and not code):
        at = f" at revision {revision!r}" if revision else ""
        why = "HF_HUB_OFFLINE forbids to ask the hub" if constants.HF_HUB_OFFLINE else "the hub did not help"
        return Diagnosis(
            f"{name}{at} is not in the cache ({constants.HF_HOME}), or not all of it, and {why}",
            f"Run it once with a connection and without HF_HUB_OFFLINE, or {local}",
        )
    if code == 401:
        return Diagnosis(
            f"the hub does not accept your token ({_answer(chain)})",
            "Log in with `hf auth login`, or set another HF_TOKEN",
        )
    if code and not _any(chain, errors.EntryNotFoundError, but=errors.LocalEntryNotFoundError):
        return Diagnosis(
            f"the hub ({constants.ENDPOINT}) answered {code}: {_answer(chain)}",
            "Try again later. If that was not the hub but a proxy or a login page of your network, see HTTPS_PROXY "
            f"and HF_ENDPOINT; or {local}",
        )
    if lost and not code:
        download = (
            f" (`hf download {name} --local-dir FOLDER` makes one elsewhere)" if kind == "model" else ""
        )
        return Diagnosis(
            f"the Hugging Face hub ({constants.ENDPOINT}) cannot be reached, or the connection broke: "
            f"{_first_line(lost[-1])}",
            f"Check the connection, HTTPS_PROXY and HF_ENDPOINT, and run it again; or {local}{download}",
        )
    needs = {
        "model": "config.json, tokenizer.json and *.safetensors",
        "dataset": "Parquet, JSON lines or CSV",
    }
    return Diagnosis(
        _first_line(error), f"It needs {needs[kind]}: look at its files ({page}/tree/main), or {local}"
    )


def status(error: BaseException) -> int:
    """RETURNS (int): The HTTP status of the refusal that is in the chain; 0 if there is none."""
    codes = [getattr(getattr(link, "response", None), "status_code", None) or 0 for link in _chain(error)]
    return next((int(code) for code in codes if code >= 400), 0)


def is_mistake(error: BaseException) -> bool:
    """RETURNS (bool): Whether what was asked for does not exist, so that no copy of something else can stand for it."""
    from huggingface_hub import errors

    return _any(list(_chain(error)), errors.RevisionNotFoundError, errors.HFValidationError)


def _gated(name: str, kind: Kind, page: str, *, refused_token: bool) -> Diagnosis:
    if refused_token:
        reason = f"{name} is behind a licence, and the account of your token has no access to it yet"
        remedy = (
            f"Accept the licence at {page} with that account, and wait until access is granted (a fine-grained "
            "token must also be allowed to read gated repositories)"
        )
    else:
        reason = f"{name} is behind a licence, and you are not logged in"
        remedy = f"Accept the licence at {page}, then log in with `hf auth login` or set HF_TOKEN"
    mirror = name.replace("meta-llama/Llama-3.2-", "unsloth/Llama-3.2-")
    if kind == "model" and mirror != name:
        remedy += f"; or set {_SETTING[kind]} to {mirror!r}, a copy without that gate"
    return Diagnosis(reason, f"{remedy}; or {_LOCAL[kind]}")


def _chain(error: BaseException) -> Iterator[BaseException]:
    """YIELDS (BaseException): The error and what it came from; `datasets` hides that by `raise ... from None`."""
    seen: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and link not in seen:
        yield link
        seen.append(link)
        link = link.__cause__ or link.__context__


def _any(
    chain: Sequence[BaseException], *kinds: type[BaseException], but: type[BaseException] | tuple[()] = ()
) -> bool:
    return any(isinstance(link, kinds) and not isinstance(link, but) for link in chain)


def _network_errors() -> tuple[type[BaseException], ...]:
    """RETURNS (tuple[type, ...]): Of the standard library, and of the client that was in use and so is imported."""
    kinds: list[type[BaseException]] = [ConnectionError, TimeoutError, socket.gaierror]
    if requests := sys.modules.get("requests"):
        kinds += [requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError]
    if httpx := sys.modules.get("httpx"):
        kinds += [httpx.TransportError]
    return tuple(kinds)


def _answer(chain: Sequence[BaseException]) -> str:
    """RETURNS (str): What the server said with its status."""
    said = [str(words) for link in chain if (words := getattr(link, "server_message", None))]
    return said[0] if said else _first_line(next(link for link in chain if status(link)))


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__
