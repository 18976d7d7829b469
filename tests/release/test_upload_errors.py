"""What a failed upload says."""

import pytest
import requests
from huggingface_hub import constants

from spacy_llama_ner.release.errors import ReleaseError
from spacy_llama_ner.release.upload_errors import upload_errors


def refusal(status, url):
    response = requests.Response()
    response.status_code, response.reason, response.url = status, "No", url
    return requests.HTTPError("refused", response=response)


@pytest.mark.parametrize(
    ("status", "url", "words"),
    [
        (401, constants.ENDPOINT, "is not valid"),
        (403, constants.ENDPOINT, "may not write to anna/ner"),
        (404, constants.ENDPOINT, "may not write to anna/ner"),
        (400, constants.ENDPOINT, "The hub refuses the upload"),
        (500, constants.ENDPOINT, "Run the same command again"),
        # A storage refuses addresses that are too old, and says nothing of the token.
        (403, "https://storage.example.org", r"The upload to anna/ner failed \(403: No\)"),
    ],
)
def test_upload_errors_explain_an_answer(status, url, words):
    with pytest.raises(ReleaseError, match=words), upload_errors("anna/ner"):
        raise refusal(status, f"{url}/a")


def test_upload_errors_look_behind_the_error():
    wrapper = RuntimeError("Error while uploading 'a' to the Hub.")
    wrapper.__cause__ = requests.Timeout("slow")
    with pytest.raises(ReleaseError, match=r"connection broke \(Timeout\)"), upload_errors("anna/ner"):
        raise wrapper


def test_upload_errors_show_any_other_reason():
    with (
        pytest.raises(ReleaseError, match=r"failed: Invalid metadata in README.md. - license\."),
        upload_errors("a/b"),
    ):
        raise ValueError("Invalid metadata in README.md.\n- license")


def test_upload_errors_leave_ours_alone():
    with pytest.raises(ReleaseError, match="^ours$"), upload_errors("a/b"):
        raise ReleaseError("ours")
