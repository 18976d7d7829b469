"""The vendors' clients against a server on this machine."""

import pytest
from answering_server import AnsweringServer, anthropic_body, openai_body

from spacy_llama_ner.prompting import providers
from spacy_llama_ner.prompting.providers import AnthropicProvider, CallError, OpenAIProvider, Reply

KEY = "sk-invented-key"
MESSAGES = [{"role": "user", "content": "Oslo froze."}]


@pytest.fixture(autouse=True)
def _keys(monkeypatch):
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    for provider in ("anthropic", "openai"):
        monkeypatch.setenv(providers.KEYS[provider], KEY)
        monkeypatch.delenv(providers.BASE_URLS[provider], raising=False)


def openai_at(server):
    return OpenAIProvider("invented-1", f"{server.url}/v1")


def anthropic_at(server):
    return AnthropicProvider("invented-1", server.url)


BOTH = [(openai_at, openai_body), (anthropic_at, anthropic_body)]


@pytest.mark.parametrize(("connect", "body"), BOTH)
def test_provider_gives_text_and_tokens(connect, body):
    with AnsweringServer([body("Oslo - LOC")]) as server:
        assert connect(server).ask(MESSAGES, max_tokens=9) == Reply("Oslo - LOC", False, 40, 7)
        _, _, asked = server.requests[0]
    assert (asked["model"], asked["max_tokens"], asked["messages"]) == ("invented-1", 9, MESSAGES)


def test_openai_uses_its_address_and_key():
    with AnsweringServer([openai_body("")]) as server:
        assert openai_at(server).ask(MESSAGES, max_tokens=9).text == ""
        path, headers, _ = server.requests[0]
    assert path == "/v1/chat/completions"
    assert headers["authorization"] == f"Bearer {KEY}"


def test_anthropic_uses_its_address_and_key():
    with AnsweringServer([anthropic_body("")]) as server:
        assert anthropic_at(server).ask(MESSAGES, max_tokens=9).text == ""
        path, headers, _ = server.requests[0]
    assert path == "/v1/messages"
    assert KEY in headers.get("x-api-key", "") + headers.get("authorization", "")  # by the client's version


@pytest.mark.parametrize(
    ("connect", "body"),
    [
        (openai_at, openai_body("Oslo", finish="length")),
        (anthropic_at, anthropic_body("Oslo", stop="max_tokens")),
    ],
)
def test_provider_says_that_an_answer_was_cut(connect, body):
    with AnsweringServer([body]) as server:
        assert connect(server).ask(MESSAGES, max_tokens=9).truncated


@pytest.mark.parametrize("connect", [openai_at, anthropic_at])
@pytest.mark.parametrize(
    ("status", "again", "message"),
    [
        (429, True, "status 429"),
        (500, True, "status 500"),
        (529, True, "status 529"),
        (400, False, "status 400: the request was refused"),
        (401, False, "_API_KEY is not accepted"),
        (403, False, "_API_KEY may not use invented-1"),
        (404, False, "no model 'invented-1'"),
    ],
)
def test_provider_tells_failures_apart(connect, status, again, message):
    with AnsweringServer([(status, {"retry-after": "7"})]) as server:
        with pytest.raises(CallError, match=message) as caught:
            connect(server).ask(MESSAGES, max_tokens=9)
        assert len(server.requests) == 1  # the client does not repeat it by itself
    assert caught.value.again is again
    assert caught.value.wait == (7.0 if again else None)
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("connect", [openai_at, anthropic_at])
@pytest.mark.parametrize("body", ["{", "null", "{}"])
def test_provider_repeats_what_is_unreadable(connect, body):
    with AnsweringServer([body]) as server, pytest.raises(CallError) as caught:
        connect(server).ask(MESSAGES, max_tokens=9)
    assert caught.value.again


@pytest.mark.parametrize("connect", [openai_at, anthropic_at])
def test_provider_repeats_where_nobody_answers(connect):
    with AnsweringServer(["{}"]) as server:
        pass
    with pytest.raises(CallError, match="cannot be reached") as caught:
        connect(server).ask(MESSAGES, max_tokens=9)
    assert caught.value.again


def test_openai_needs_no_key_for_a_server_of_ones_own(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY")
    with AnsweringServer([openai_body("Oslo - LOC")]) as server:
        assert openai_at(server).ask(MESSAGES, max_tokens=9).text == "Oslo - LOC"


@pytest.mark.parametrize("provider", [OpenAIProvider, AnthropicProvider])
def test_provider_names_the_variable_of_a_missing_key(monkeypatch, provider):
    monkeypatch.delenv(providers.KEYS[provider.name])
    with pytest.raises(ValueError, match=f"{providers.KEYS[provider.name]} is not set"):
        provider("invented-1")


def test_openai_itself_is_asked_with_its_own_names():
    assert OpenAIProvider("invented-1")._limits(9) == {"max_completion_tokens": 9}


@pytest.mark.parametrize("address", ["http://ann:secret@localhost/v1", "http://localhost/v1?key=secret"])
def test_provider_refuses_a_secret_in_the_address(address):
    with pytest.raises(ValueError, match="holds a user, a password or a query") as caught:
        providers.find_base_url("openai", address)
    assert "secret" not in str(caught.value)


def test_openai_does_not_repeat_where_the_quota_is_used_up():
    with AnsweringServer([(429, {})]) as server:
        server.error = {"code": "insufficient_quota", "message": "no", "type": "insufficient_quota"}
        with pytest.raises(CallError, match="quota is used up") as caught:
            openai_at(server).ask(MESSAGES, max_tokens=9)
    assert not caught.value.again


@pytest.mark.parametrize(
    ("connect", "body"),
    [
        (openai_at, openai_body("", finish="content_filter")),
        (anthropic_at, anthropic_body("", stop="refusal")),
    ],
)
def test_provider_says_that_an_answer_was_refused(connect, body):
    with AnsweringServer([body]) as server:
        assert connect(server).ask(MESSAGES, max_tokens=9).refused
