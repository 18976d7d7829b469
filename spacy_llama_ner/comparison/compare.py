"""Measure systems on one split: scores, speed, size, training time, and where each figure comes from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import spacy
from spacy.language import Language
from spacy.training import Example

from spacy_llama_ner.comparison.given import (
    describe_pipeline,
    describe_predictions,
    describe_size,
    read_predictions,
)
from spacy_llama_ner.comparison.machine import describe_machine
from spacy_llama_ner.comparison.measure import (
    MOST_WORDS,
    ROUNDS,
    save_predictions,
    score,
    speed,
    time_in_turns,
)
from spacy_llama_ner.comparison.published import quote
from spacy_llama_ner.comparison.systems import Split
from spacy_llama_ner.evaluation.examples import predict, read_gold


@dataclass
class Candidate:
    """A system before it is measured.

    path (str): A pipeline's folder or package, or a file of predictions.
    known (dict): What is known of it without measuring.
    nlp (Language | None): The pipeline; None for predictions.
    examples (Sequence[Example]): The predictions, paired with the test corpus; empty for a pipeline.
    """

    path: str
    known: dict[str, Any]
    nlp: Language | None = None
    examples: Sequence[Example] = ()


def trained_here(description: str, folder: Path, training: Mapping[str, Any]) -> Candidate:
    """Load a system that this command trained.

    description (str): What it is.
    folder (Path): Of the training.
    training (Mapping): What `train_system` returned.
    RETURNS (Candidate): With its pipeline.
    """
    path = folder / "model-best"
    nlp = spacy.load(path)
    known = {
        "origin": "trained here",
        "description": description,
        "training_seconds": training["seconds"],
        **describe_size(nlp),
    }
    if training["reused"]:
        known["notes"].append("trained by an earlier run of this command with the same inputs")
    return Candidate(str(path), known, nlp)


def given_pipeline(place: str) -> Candidate:
    """Load a pipeline that was trained elsewhere.

    place (str): A folder or an installed package's name.
    RETURNS (Candidate): With its pipeline.
    RAISES (OSError): If there is none.
    """
    nlp = spacy.load(place)
    return Candidate(place, {"origin": "pipeline", "description": place, **describe_pipeline(nlp)}, nlp)


def given_predictions(place: str, test: Path) -> Candidate:
    """Read a file of predictions.

    place (str): A `.spacy` file.
    test (Path): The test corpus.
    RETURNS (Candidate): Without a pipeline.
    RAISES (ValueError): If they are not of this corpus.
    """
    file = Path(place)
    examples, report = read_predictions(file, read_gold(test, spacy.blank("en").vocab))
    known = {"origin": "predictions", "description": place, **describe_predictions(report, file)}
    return Candidate(place, known, examples=examples)


def measure(
    candidates: Mapping[str, Candidate], split: Split, predictions: Path, *, gpu_id: int
) -> dict[str, Any]:
    """Score every system on the test corpus, and let the pipelines take turns at reading it.

    candidates (Mapping[str, Candidate]): By name.
    split (Split): The corpora.
    predictions (Path): Folder that gets each system's predicted Docs, `NAME.spacy`.
    gpu_id (int): The GPU that the pipelines run on, or -1 for the CPU.
    RETURNS (dict): `corpus`, `machine`, `timing`, `systems` (a list), `quoted`. A figure that was not measured is None.
    """
    rows = {name: _score(name, candidate, split.test, predictions) for name, candidate in candidates.items()}
    gold = read_gold(split.test, spacy.blank("en").vocab)
    pipelines = {name: candidate.nlp for name, candidate in candidates.items() if candidate.nlp is not None}
    for name, rates in time_in_turns(pipelines, gold).items():
        rows[name] |= speed(rates)
    return {
        "corpus": {
            **{name: str(getattr(split, name)) for name in ("train", "dev", "test")},
            "docs": len(gold),
            "tokens": sum(map(len, gold)),
            "entities": sum(len(doc.ents) for doc in gold),
        },
        "machine": describe_machine(gpu_id=gpu_id),
        "timing": {"rounds": ROUNDS, "most_words": MOST_WORDS},
        "systems": list(rows.values()),
        "quoted": quote(gold),
    }


def _score(name: str, candidate: Candidate, test: Path, folder: Path) -> dict[str, Any]:
    unknown = dict.fromkeys(
        ("words_per_second", "rounds", "bytes", "backbone", "training_seconds", "cost"), None
    )
    examples = candidate.examples
    if nlp := candidate.nlp:
        examples, _ = predict(nlp, read_gold(test, nlp.vocab), batch_size=nlp.batch_size)
    save_predictions(examples, folder / f"{name}.spacy")
    return {"name": name, "path": candidate.path, **unknown, **candidate.known, **score(examples)}
