"""Score a system on gold tokens, and time several in turns on the same texts."""

import statistics
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from spacy.language import Language
from spacy.tokens import Doc, DocBin
from spacy.training import Example

from spacy_llama_ner.evaluation.metrics import evaluate
from spacy_llama_ner.replacement import write_whole

ROUNDS = 3
MOST_WORDS = 20_000  # of a round: minutes for a large backbone on a CPU, enough for a stable figure


def score(examples: Sequence[Example]) -> dict[str, Any]:
    """Score entities strictly.

    examples (Sequence[Example]): Predicted and gold Docs in pairs.
    RETURNS (dict): `precision`, `recall`, `f1`, and `per_label`: the F1 of each label; fractions.
    """
    seqeval = evaluate(examples)["seqeval"]
    return {
        **{key: seqeval[key] for key in ("precision", "recall", "f1")},
        "per_label": {label: scores["f1"] for label, scores in seqeval["per_label"].items()},
    }


def save_predictions(examples: Sequence[Example], file: Path) -> None:
    """Save the predicted Docs as a DocBin.

    examples (Sequence[Example]): Predicted and gold Docs in pairs.
    file (Path): A `.spacy` file, written whole or not at all; its folder is created.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    write_whole(file, DocBin(docs=[example.predicted for example in examples]).to_bytes())


def time_in_turns(pipelines: Mapping[str, Language], docs: Sequence[Doc]) -> dict[str, list[float]]:
    """Let pipelines read the same raw texts in turns: a machine's speed changes over minutes.

    pipelines (Mapping[str, Language]): By name.
    docs (Sequence[Doc]): Their texts are read, up to 20,000 words of them; their tokens are the words counted.
    RETURNS (dict[str, list[float]]): Words per second of each of 3 rounds, by name.
    """
    chosen = first_words(docs, MOST_WORDS)
    texts, words = [doc.text for doc in chosen], sum(map(len, chosen))
    rates: dict[str, list[float]] = {name: [] for name in pipelines}
    for nlp in pipelines.values():  # warm-up
        list(nlp.pipe(texts[: 1 + len(texts) // 8]))
    for _ in range(ROUNDS):
        for name, nlp in pipelines.items():
            start = time.perf_counter()
            for _doc in nlp.pipe(texts):
                pass
            rates[name].append(words / (time.perf_counter() - start))
    return rates


def first_words(docs: Sequence[Doc], most: int) -> list[Doc]:
    """Take whole docs from the beginning while they have so many words in all, but at least one.

    docs (Sequence[Doc]): The docs.
    most (int): The most tokens in all.
    RETURNS (list[Doc]): The first of them.
    """
    chosen: list[Doc] = []
    words = 0
    for doc in docs:
        words += len(doc)
        if chosen and words > most:
            break
        chosen.append(doc)
    return chosen


def speed(rates: Sequence[float]) -> dict[str, Any]:
    """RETURNS (dict): `words_per_second`, the median, and the `rounds` it is of."""
    return {"words_per_second": statistics.median(rates), "rounds": list(rates)}


def count_bytes(folder: Path) -> int:
    """RETURNS (int): Bytes of all files in a folder and below."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
