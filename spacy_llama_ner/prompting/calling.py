"""Call a provider with patience, and never more often than allowed."""

import logging
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from threading import Lock

from spacy_llama_ner.prompting.prompt import Message
from spacy_llama_ner.prompting.providers import CallError, Provider, Reply

logger = logging.getLogger("spacy_llama_ner")

TRIES = 6
FIRST_WAIT = 1.0  # seconds, twice as long each time
LONGEST_WAIT = 60.0


class CapReachedError(ValueError):
    """No call is left."""


@dataclass
class Caller:
    """Asks, waits and asks again.

    connect (Callable[[], Provider]): Makes the one who answers, when the first question comes.
    max_calls (int): Most calls in all, repeated ones included.
    sleep (Callable[[float], None]): Waits for seconds.
    calls, retries (int): So far.
    """

    connect: Callable[[], Provider]
    max_calls: int
    sleep: Callable[[float], None] = time.sleep
    calls: int = 0
    retries: int = 0
    _lock: Lock = field(default_factory=Lock)
    _random: random.Random = field(default_factory=lambda: random.Random(0))

    @cached_property
    def provider(self) -> Provider:
        """Who answers."""
        return self.connect()

    def ask(self, messages: Sequence[Message], *, max_tokens: int) -> Reply:
        """Ask until there is an answer.

        A call that may be repeated is, up to 5 times, after 1, 2, 4, ... seconds, each up to a quarter longer by
        chance, or
        after as many as the provider asks for.

        messages (Sequence[dict[str, str]]): See `make_messages`.
        max_tokens (int): Longest answer.
        RETURNS (Reply): The answer.
        RAISES (CapReachedError): If the next call would be one too many.
        RAISES (CallError): If the call may not be repeated, or was often enough.
        """
        for attempt in range(TRIES):
            if not self._take():
                raise CapReachedError(
                    f"{self.max_calls:,} calls were made, as many as --max-calls allows. The answers so far are kept: "
                    "run the same command again, or with a higher --max-calls, to go on."
                )
            try:
                return self.provider.ask(messages, max_tokens=max_tokens)
            except CallError as error:
                if not error.again:
                    raise
                if attempt == TRIES - 1:
                    message = f"{error} {TRIES} tries failed. The answers so far are kept."
                    raise CallError(message, again=False) from None
                wait = error.wait
                if wait is None:
                    wait = min(LONGEST_WAIT, FIRST_WAIT * 2**attempt) * (1 + self._random.random() / 4)
                logger.warning("%s Trying again in %.0f s.", error, wait)
                with self._lock:
                    self.retries += 1
                self.sleep(wait)
        raise AssertionError("unreachable")

    def _take(self) -> bool:
        """RETURNS (bool): False if no call is left; else one is taken. Several threads may ask."""
        with self._lock:
            if self.calls >= self.max_calls:
                return False
            self.provider  # noqa: B018  # made under the lock, once
            self.calls += 1
            return True
