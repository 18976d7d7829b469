"""Say what to do where the Hugging Face hub did not take what was sent."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from spacy_llama_ner.release.errors import ReleaseError

if TYPE_CHECKING:
    import requests

TOKENS = "https://huggingface.co/settings/tokens"
UNTOUCHED = (
    "The commit is made at the very end, in one step: the repository has nothing of this upload. Run the same "
    "command again; large files that arrived are not sent again."
)


@contextmanager
def upload_errors(repo_id: str) -> Iterator[None]:
    """Turn what huggingface_hub raises into one message that says how to mend it.

    repo_id (str): The repository that is written to.
    RAISES (ReleaseError): Instead of any error inside.
    """
    try:
        yield
    except ReleaseError:
        raise
    except Exception as error:  # requests', huggingface_hub's, hf_xet's and plain RuntimeErrors around them
        raise ReleaseError(_explain(error, repo_id)) from error


def no_token() -> ReleaseError:
    """RETURNS (ReleaseError): The error where there is no token at all."""
    return ReleaseError(
        f"There is no Hugging Face token here. Make one with the role `write` at {TOKENS}, then run `hf auth login` or "
        "set HF_TOKEN."
    )


def _explain(error: Exception, repo_id: str) -> str:
    import requests
    from huggingface_hub import constants
    from huggingface_hub.errors import OfflineModeIsEnabled

    chain = list(_causes(error))
    for link in chain:
        if isinstance(link, requests.HTTPError) and link.response is not None:
            words = getattr(link, "server_message", None) or link.response.reason or "no reason given"
            return _explain_answer(link.response, " ".join(str(words).split()), repo_id)
        if isinstance(link, OfflineModeIsEnabled):
            return "HF_HUB_OFFLINE is set, so nothing can be sent. Unset it and push again."
        if isinstance(link, requests.ConnectionError | requests.Timeout):
            return (
                f"{constants.ENDPOINT} was not reached, or the connection broke ({type(link).__name__}). Check the "
                f"network, the proxy and HF_ENDPOINT. {UNTOUCHED}"
            )
    return f"The upload to {repo_id} failed: {'; '.join(_one_line(link) for link in chain)}. {UNTOUCHED}"


def _explain_answer(response: "requests.Response", words: str, repo_id: str) -> str:
    from huggingface_hub import constants

    status = response.status_code
    said = f"{status}: {words}"
    # Large files go to a storage elsewhere, whose 403 means that an address is too old.
    from_hub = response.url.startswith(constants.ENDPOINT)
    token = "The token (in HF_TOKEN, or of `hf auth login`)"
    if from_hub and status == 401:
        return (
            f"{token} is not valid ({said}). Make a new one with the role `write` at {TOKENS}, then run "
            "`hf auth login` or set HF_TOKEN."
        )
    if from_hub and status in (403, 404):
        owner = repo_id.split("/")[0]
        return (
            f"{token} may not write to {repo_id} ({said}). It needs the role `write`, or as a fine-grained one the "
            f"permission to write to the repositories of {owner!r}, which must be your user name or one of your "
            f"organizations: {TOKENS}."
        )
    if from_hub and status == 400:
        return f"The hub refuses the upload to {repo_id} ({said})."
    return f"The upload to {repo_id} failed ({said}). {UNTOUCHED}"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
