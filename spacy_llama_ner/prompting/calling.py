"""Call a provider with patience, and never more often than allowed."""

import logging
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from threading import Lock
from typing import NoReturn

from spacy_llama_ner.prompting.prompt import Message
from spacy_llama_ner.prompting.providers import CallError, Provider, Reply

logger = logging.getLogger("spacy_llama_ner")

TRIES = 6
FIRST_WAIT = 1.0  # seconds, twice as long each time
LONGEST_WAIT = 60.0
LONGEST_ASKED_WAIT = 600.0  # by the provider


class CapReachedError(ValueError):
    """No call is left."""


@dataclass
class Caller:
    """Asks, waits and asks again.

    connect (Callable[[], Provider]): Makes the one who answers, when the first question comes.
    max_calls (int): Most calls in all, repeated ones included.
    sleep (Callable[[float], None]): Waits for seconds.
    calls, retries (int): So far.
    failure (ValueError | None): Why it stopped for good; every later question gets the same, so that none is paid for.
    """

    connect: Callable[[], Provider]
    max_calls: int
    sleep: Callable[[float], None] = time.sleep
    calls: int = 0
    retries: int = 0
    failure: ValueError | None = None
    _lock: Lock = field(default_factory=Lock)
    _random: random.Random = field(default_factory=lambda: random.Random(0))

    @cached_property
    def provider(self) -> Provider:
        """Who answers."""
        return self.connect()

    def ask(self, messages: Sequence[Message], *, max_tokens: int) -> Reply:
        """Ask until there is an answer.

        A call that may be repeated is, up to 5 times, after 1, 2, 4, ... seconds, each up to a quarter longer by
        chance, or after as many as the provider asks for.

        messages (Sequence[dict[str, str]]): See `make_messages`.
        max_tokens (int): Longest answer.
        RETURNS (Reply): The answer.
        RAISES (CapReachedError): If the next call would be one too many.
        RAISES (CallError): If the call may not be repeated, or was often enough.
        """
        for attempt in range(TRIES):
            self._take()
            try:
                return self.provider.ask(messages, max_tokens=max_tokens)
            except CallError as error:
                self._wait(error, attempt)
        raise AssertionError("unreachable")

    def _take(self) -> None:
        """Take one of the calls that are left. Several threads may ask."""
        with self._lock:
            if self.failure is None and self.calls >= self.max_calls:
                self.failure = CapReachedError(
                    f"{self.max_calls:,} calls were made, as many as --max-calls allows. The answers so far are kept: "
                    "run the same command again, or with a higher --max-calls, to go on."
                )
            if self.failure is not None:
                raise self.failure
            self.provider  # noqa: B018  # made under the lock, once
            self.calls += 1

    def _wait(self, error: CallError, attempt: int) -> None:
        """Wait after a failure, or stop for good."""
        wait = error.wait
        if not error.again:
            self._stop(error)
        if attempt == TRIES - 1:
            self._stop(CallError(f"{error} {TRIES} tries failed. The answers so far are kept.", again=False))
        if wait is not None and wait > LONGEST_ASKED_WAIT:
            message = f"{error} It asks to wait for {wait:,.0f} s. The answers so far are kept: go on later."
            self._stop(CallError(message, again=False))
        with self._lock:
            self.retries += 1
            if wait is None:
                wait = min(LONGEST_WAIT, FIRST_WAIT * 2**attempt) * (1 + self._random.random() / 4)
        logger.warning("%s Trying again in %.0f s.", error, wait)
        self.sleep(wait)

    def _stop(self, error: CallError) -> NoReturn:
        with self._lock:
            self.failure = self.failure or error
        raise self.failure from None
