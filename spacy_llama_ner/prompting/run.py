"""Ask about every Doc of a corpus, and turn the answers into predictions."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from spacy.tokens import Doc

from spacy_llama_ner.prompting.answer import parse_answer
from spacy_llama_ner.prompting.cache import ReplyCache, digest_request
from spacy_llama_ner.prompting.calling import Caller
from spacy_llama_ner.prompting.cost import Price, estimate_tokens
from spacy_llama_ner.prompting.placing import place_names
from spacy_llama_ner.prompting.prompt import make_messages
from spacy_llama_ner.prompting.providers import Provider, Reply

# What is counted of the answers; see `parse_answer` and `place_names`.
COUNTS = (
    "lines",
    "malformed",
    "none",
    "unknown_type",
    "said",
    "duplicate",
    "invented",
    "misaligned",
    "overlapping",
    "empty",
    "truncated",
    "refused",
    "predicted",
)


@dataclass(frozen=True)
class Questions:
    """A corpus as requests.

    docs (Sequence[Doc]): Their text is asked about.
    requests (Sequence[dict | None]): One a Doc: all that its answer depends on, as JSON has it; None for a Doc of white
        space, about which nothing is asked.
    """

    docs: Sequence[Doc]
    requests: Sequence[dict[str, Any] | None]

    @property
    def unique(self) -> dict[str, dict[str, Any]]:
        """The requests by their digest: equal texts are asked about once."""
        return {digest_request(request): request for request in self.requests if request is not None}

    @property
    def digest(self) -> str:
        """SHA-256 of the question without its text, in hex: two runs with the same one asked in the same way."""
        first: dict[str, Any] = next(iter(self.unique.values()), {})
        return digest_request({**first, "messages": first.get("messages", [])[:-1]})


def make_questions(
    docs: Sequence[Doc],
    *,
    provider: str,
    model: str,
    base_url: str | None,
    max_tokens: int,
    shots: Sequence[Doc] = (),
    files: Sequence[str] = (),
) -> Questions:
    """Write the requests.

    docs (Sequence[Doc]): Docs with tokens.
    provider, model (str), base_url (str | None): Who is asked.
    max_tokens (int): Longest answer.
    shots (Sequence[Doc]): See `make_messages`.
    files (Sequence[str]): Digests of a local model's files: another model in the same folder answers anew.
    RETURNS (Questions): In the order of the Docs.
    """
    common: dict[str, Any] = {
        "provider": provider,
        "model": model,
        "base_url": base_url,
        "max_tokens": max_tokens,
    }
    if files:
        common["files"] = list(files)
    requests = [
        {**common, "messages": make_messages(doc.text, shots)} if doc.text.strip() else None for doc in docs
    ]
    return Questions(docs, requests)


def estimate(questions: Questions, cache: ReplyCache, price: Price | None) -> dict[str, Any]:
    """Say what a run would take, without a call.

    questions (Questions): What would be asked.
    cache (ReplyCache): Answers that are there already.
    price (Price | None): None if it is unknown.
    RETURNS (dict): `docs`, `cached`, `calls` (equal questions are one); `input_tokens`, estimated from the length;
        `output_tokens`, the most there can be; `cost`, estimated from these, in US dollars, or None. Repeated calls are
        not in it.
    """
    unique = questions.unique
    todo = [request for request in unique.values() if cache.read(request) is None]
    read = sum(estimate_tokens(message["content"]) for request in todo for message in request["messages"])
    written = sum(request["max_tokens"] for request in todo)
    return {
        "docs": len(questions.docs),
        "cached": len(unique) - len(todo),
        "calls": len(todo),
        "input_tokens": read,
        "output_tokens": written,
        "cost": None if price is None else price.cost(read, written),
    }


def ask_all(
    questions: Questions,
    connect: Callable[[], Provider],
    cache: ReplyCache,
    *,
    max_calls: int,
    concurrency: int = 1,
    sleep: Callable[[float], None] = time.sleep,
    progress: Callable[[Iterable[Reply]], Iterable[Reply]] = iter,
) -> tuple[list[Reply], dict[str, Any]]:
    """Ask what is not in the cache, and keep each answer at once.

    questions (Questions): What to ask.
    connect (Callable[[], Provider]): Makes the one to ask; not called where the cache has all answers.
    cache (ReplyCache): Read and written.
    max_calls (int): Most calls, repeated ones included.
    concurrency (int): Calls at a time.
    sleep (Callable[[float], None]): Waits for seconds.
    progress (Callable): Wraps the answers as they come.
    RETURNS (tuple[list[Reply], dict]): An answer a Doc, and `calls`, `retries`, `cached` and `seconds`.
    RAISES (CapReachedError): See `Caller.ask`.
    RAISES (CallError): See `Caller.ask`.
    """
    caller = Caller(connect, max_calls, sleep)
    unique = questions.unique
    found = [cache.read(request) for request in unique.values()]

    def answer(request: dict[str, Any], known: Reply | None) -> Reply:
        if known is not None:
            return known
        reply = caller.ask(request["messages"], max_tokens=request["max_tokens"])
        cache.write(request, reply)
        return reply

    start = time.perf_counter()
    pool = ThreadPoolExecutor(concurrency)
    try:
        replies = list(progress(pool.map(answer, unique.values(), found)))
    finally:
        # What has not begun is dropped after an interrupt; after an error the caller lets no further call through.
        pool.shutdown(cancel_futures=True)
    seconds = time.perf_counter() - start
    cached = sum(reply is not None for reply in found)
    by_digest = dict(zip(unique, replies, strict=True))
    nothing = Reply("", truncated=False, input_tokens=0, output_tokens=0)
    replies = [
        nothing if request is None else by_digest[digest_request(request)] for request in questions.requests
    ]
    return replies, {"calls": caller.calls, "retries": caller.retries, "cached": cached, "seconds": seconds}


def read_replies(
    docs: Sequence[Doc], replies: Sequence[Reply], *, labels: set[str]
) -> tuple[list[Doc], dict[str, Any]]:
    """Turn answers into predictions on the same tokens.

    docs (Sequence[Doc]): What was asked about.
    replies (Sequence[Reply]): An answer each.
    labels (set[str]): Those that may be predicted.
    RETURNS (tuple[list[Doc], dict]): Docs with entities, and counts of what the answers said: see `parse_answer` and
        `place_names`; `empty`, `truncated` and `refused` answers; `predicted` entities; `unknown_types`, the ten most
        frequent.
    """
    predicted = []
    counts: Counter[str] = Counter()
    unknown: Counter[str] = Counter()
    for doc, reply in zip(docs, replies, strict=True):
        answer = parse_answer(reply.text, labels=labels, truncated=reply.truncated)
        copy = Doc(doc.vocab, words=[t.text for t in doc], spaces=[bool(t.whitespace_) for t in doc])
        spans, placed = place_names(copy, answer.pairs)
        copy.set_ents(spans, default="outside")
        predicted.append(copy)
        counts += answer.counts + placed
        counts["empty"] += not reply.text.strip()
        counts["truncated"] += reply.truncated
        counts["refused"] += reply.refused
        counts["predicted"] += len(spans)
        unknown += answer.unknown
    return predicted, {
        **{name: counts[name] for name in COUNTS},
        "unknown_types": dict(unknown.most_common(10)),
    }
