"""Those who answer: hosted models and what speaks their protocols. Clients are imported when first needed."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlsplit

from spacy_llama_ner.prompting.prompt import Message

KEYS = {"anthropic": "ANTHROPIC_API_KEY", "openai": "OPENAI_API_KEY"}
BASE_URLS = {"anthropic": "ANTHROPIC_BASE_URL", "openai": "OPENAI_BASE_URL"}
TIMEOUT = 120.0  # seconds a call


@dataclass(frozen=True)
class Reply:
    """An answer.

    text (str): It may be empty.
    truncated (bool): Whether it was cut at `max_tokens`.
    refused (bool): Whether the model, or a filter before it, would not answer.
    input_tokens, output_tokens (int | None): As the provider counted.
    """

    text: str
    truncated: bool
    input_tokens: int | None = None
    output_tokens: int | None = None
    refused: bool = False


def find_base_url(provider: str, given: str | None) -> str | None:
    """Find where a provider is reached.

    provider (str): "openai", "anthropic" or another.
    given (str | None): By the user; it goes before the environment's OPENAI_BASE_URL and ANTHROPIC_BASE_URL.
    RETURNS (str | None): None for the vendor's own address.
    RAISES (ValueError): If it holds a user, a password or a query: addresses are written beside answers.
    """
    found = given or os.environ.get(BASE_URLS.get(provider, ""), "") or None
    parts = urlsplit(found or "")
    if "@" in parts.netloc or parts.query:
        raise ValueError(
            f"The base URL of {provider} holds a user, a password or a query, which would be written to files: "
            "leave them out, and put the key into the environment."
        )
    return found


class Provider(Protocol):
    """Something that answers. `name`, `model` and `base_url` say what; a call is not repeated by itself."""

    name: str
    model: str
    base_url: str | None

    def ask(self, messages: Sequence[Message], *, max_tokens: int) -> Reply:
        """Ask once.

        messages (Sequence[dict[str, str]]): See `make_messages`.
        max_tokens (int): Longest answer.
        RETURNS (Reply): The answer.
        RAISES (CallError): If there is none.
        """


class CallError(ValueError):
    """A call that failed. `again` says whether it may be repeated, `wait` how many seconds the provider asks for."""

    def __init__(self, message: str, *, again: bool, wait: float | None = None) -> None:
        super().__init__(message)
        self.again = again
        self.wait = wait


class OpenAIProvider:
    """OpenAI's chat completions, and servers that speak them, such as vLLM and Ollama.

    model (str): The model's name there.
    base_url (str | None): Such as "http://localhost:11434/v1"; OPENAI_BASE_URL by default. With one, no key is needed.
    RAISES (ValueError): If OPENAI_API_KEY is not set, or the client is not installed.
    """

    name: str = "openai"

    def __init__(self, model: str, base_url: str | None = None) -> None:
        self.model = model
        self.base_url = find_base_url(self.name, base_url)
        key = _key(self.name, needed=self.base_url is None)
        self._sdk = _import(self.name)
        self._client = self._sdk.OpenAI(
            api_key=key or "none", base_url=self.base_url, max_retries=0, timeout=TIMEOUT
        )

    def ask(self, messages: Sequence[Message], *, max_tokens: int) -> Reply:
        """See `Provider.ask`."""
        done = _call(
            self,
            self._sdk,
            lambda: self._client.chat.completions.create(
                model=self.model, messages=list(messages), **self._limits(max_tokens)
            ),
        )
        if not getattr(done, "choices", None):
            raise CallError(f"{self.name} answered without a choice.", again=True)
        choice, usage = done.choices[0], done.usage
        return Reply(
            choice.message.content or "",
            choice.finish_reason == "length",
            usage.prompt_tokens if usage else None,
            usage.completion_tokens if usage else None,
            bool(choice.message.refusal) or choice.finish_reason == "content_filter",
        )

    def _limits(self, max_tokens: int) -> dict[str, Any]:
        # OpenAI's own newer models know neither max_tokens nor a temperature; other servers know no other name.
        if self.base_url is None:
            return {"max_completion_tokens": max_tokens}
        return {"max_tokens": max_tokens, "temperature": 0}


class AnthropicProvider:
    """Anthropic's messages.

    model (str): The model's name there.
    base_url (str | None): ANTHROPIC_BASE_URL or the vendor's own by default.
    RAISES (ValueError): If ANTHROPIC_API_KEY is not set, or the client is not installed.
    """

    name: str = "anthropic"

    def __init__(self, model: str, base_url: str | None = None) -> None:
        self.model = model
        self.base_url = find_base_url(self.name, base_url)
        self._sdk = _import(self.name)
        key = _key(self.name, needed=True)
        self._client = self._sdk.Anthropic(
            api_key=key, base_url=self.base_url, max_retries=0, timeout=TIMEOUT
        )

    def ask(self, messages: Sequence[Message], *, max_tokens: int) -> Reply:
        """See `Provider.ask`."""
        done = _call(
            self,
            self._sdk,
            lambda: self._client.messages.create(
                model=self.model, messages=list(messages), max_tokens=max_tokens
            ),
        )
        if not isinstance(getattr(done, "content", None), list):
            raise CallError(f"{self.name} answered without content.", again=True)
        text = "".join(block.text for block in done.content if block.type == "text")
        return Reply(
            text,
            done.stop_reason == "max_tokens",
            done.usage.input_tokens,
            done.usage.output_tokens,
            done.stop_reason == "refusal",
        )


def _key(provider: str, *, needed: bool) -> str | None:
    key = os.environ.get(KEYS[provider])
    if needed and not key:
        raise ValueError(f"{KEYS[provider]} is not set: put your key for {provider} into the environment.")
    return key


def _import(provider: str) -> Any:
    try:
        return __import__(provider)
    except ImportError as e:
        raise ValueError(
            f'The client of {provider} is not installed: pip install "spacy-llama-ner[prompting]".'
        ) from e


def _call(provider: Provider, sdk: Any, call: Callable[[], Any]) -> Any:
    """Call, and say of every failure whether it is worth another try. Nothing of the request, which has the key,
    is quoted."""
    where = f"{provider.name} ({provider.base_url or 'the vendor'})"
    try:
        return call()
    except (sdk.APITimeoutError, sdk.APIConnectionError) as e:
        raise CallError(f"{where} cannot be reached: {type(e).__name__}.", again=True) from None
    except sdk.APIStatusError as e:
        status = e.status_code
        if getattr(e, "code", None) == "insufficient_quota":  # a 429 that waiting does not help
            raise CallError(f"{where} answered that the account's quota is used up.", again=False) from None
        if status in (408, 409, 429) or status >= 500:
            raise CallError(
                f"{where} answered with status {status}.", again=True, wait=_retry_after(e.response)
            ) from None
        variable = KEYS[provider.name]
        hints = {
            401: f"the key in {variable} is not accepted",
            403: f"the key in {variable} may not use {provider.model}",
            404: f"there is no model {provider.model!r}, or the base URL is wrong",
        }
        hint = hints.get(status, "the request was refused; look at --model and --max-tokens")
        raise CallError(f"{where} answered with status {status}: {hint}.", again=False) from None
    except (sdk.APIError, ValueError) as e:  # such as a body that is no JSON
        raise CallError(
            f"{where} answered with something unreadable: {type(e).__name__}.", again=True
        ) from None


def _retry_after(response: Any) -> float | None:
    """RETURNS (float | None): Seconds; None where the header is missing, or is a date."""
    try:
        return max(0.0, float(response.headers["retry-after"]))
    except (KeyError, ValueError):
        return None
