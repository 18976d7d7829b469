"""Learning curves from a training log."""

import json
from dataclasses import dataclass
from pathlib import Path

TERMS = ("loss", "cross_entropy", "crf", "label_smoothing")


@dataclass(frozen=True)
class LearningCurves:
    """The course of a training.

    steps (list[int]): Optimizer steps.
    terms (dict[str, list[float]]): Terms of the loss at each of them, mean over its known words, in nats.
    evaluated (list[int]): Steps with an evaluation.
    f1 (list[float]): Dev F1 of each of these, from 0 to 1.
    seconds (float): Of the training, until the last evaluation.
    """

    steps: list[int]
    terms: dict[str, list[float]]
    evaluated: list[int]
    f1: list[float]
    seconds: float


def read_curves(log: Path) -> LearningCurves:
    """Read a log of `spacy_llama_ner.JsonLinesLogger.v1`.

    log (Path): JSON lines.
    RETURNS (LearningCurves): Its numbers; steps without a loss are left out.
    RAISES (ValueError): If a line is no JSON object, or there is none.
    """
    steps: list[int] = []
    terms: dict[str, list[float]] = {term: [] for term in TERMS}
    evaluated: list[int] = []
    f1: list[float] = []
    seconds = 0.0
    for number, text in enumerate(log.read_text(encoding="utf8").splitlines(), start=1):
        try:
            line = json.loads(text)
        except json.JSONDecodeError as e:
            raise ValueError(f"line {number} is no JSON object") from e
        if "scores" in line:
            evaluated.append(line["step"])
            f1.append(float(line["scores"].get("ents_f") or 0.0))
            seconds = float(line["seconds"])
            continue
        values = next((value for value in line.values() if isinstance(value, dict) and "loss" in value), None)
        if values is not None:
            steps.append(line["step"])
            for term in TERMS:
                terms[term].append(float(values[term]))
    if not steps and not evaluated:
        raise ValueError("it holds no step")
    return LearningCurves(steps, terms, evaluated, f1, seconds)


def smoothed(values: list[float], width: int) -> list[float]:
    """Compute the mean of each value and those before it.

    values (list[float]): Any numbers.
    width (int): How many, at most; 1 or more.
    RETURNS (list[float]): As many.
    """
    means, total = [], 0.0
    for i, value in enumerate(values):
        total += value - (values[i - width] if i >= width else 0.0)
        means.append(total / min(i + 1, width))
    return means
