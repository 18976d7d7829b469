"""Patience, and its limits."""

import pytest

from spacy_llama_ner.prompting.calling import TRIES, Caller, CapReachedError
from spacy_llama_ner.prompting.providers import CallError, Reply


class Scripted:
    """Answers from a list; errors are raised."""

    name, model, base_url = "scripted", "invented-1", None

    def __init__(self, *answers):
        self.answers = list(answers)

    def ask(self, messages, *, max_tokens):
        answer = self.answers.pop(0)
        if isinstance(answer, CallError):
            raise answer
        return answer


def caller(*answers, max_calls=100):
    waits = []
    return Caller(lambda: Scripted(*answers), max_calls, waits.append), waits


DONE = Reply("Oslo - LOC", truncated=False)
BUSY = CallError("busy", again=True)


def test_caller_waits_longer_each_time():
    asking, waits = caller(BUSY, BUSY, BUSY, DONE)
    assert asking.ask([], max_tokens=9) == DONE
    assert [1 <= waits[0] <= 1.25, 2 <= waits[1] <= 2.5, 4 <= waits[2] <= 5] == [True] * 3
    assert (asking.calls, asking.retries) == (4, 3)


def test_caller_waits_as_long_as_it_is_told():
    asking, waits = caller(CallError("busy", again=True, wait=17.0), DONE)
    asking.ask([], max_tokens=9)
    assert waits == [17.0]


def test_caller_gives_up_in_the_end():
    asking, waits = caller(*[BUSY] * TRIES)
    with pytest.raises(CallError, match=f"{TRIES} tries failed. The answers so far are kept"):
        asking.ask([], max_tokens=9)
    assert len(waits) == TRIES - 1


def test_caller_does_not_repeat_what_cannot_succeed():
    asking, waits = caller(CallError("no such model", again=False), DONE)
    with pytest.raises(CallError, match="no such model"):
        asking.ask([], max_tokens=9)
    assert waits == []


def test_caller_counts_repeated_calls_against_the_cap():
    asking, _ = caller(BUSY, BUSY, DONE, max_calls=2)
    with pytest.raises(CapReachedError, match="2 calls were made, as many as --max-calls allows"):
        asking.ask([], max_tokens=9)
    assert asking.calls == 2


def test_caller_does_not_wait_for_hours():
    asking, waits = caller(CallError("busy", again=True, wait=86_400.0), DONE)
    with pytest.raises(CallError, match="busy It asks to wait for 86,400 s"):
        asking.ask([], max_tokens=9)
    assert waits == []
