"""How long the whole training will take, from the config's schedule and measured speeds."""

from typing import Any

from spacy_llama_ner.doctor.check import WARN, Check

# Source: Tjong Kim Sang & De Meulder (2003), Introduction to the CoNLL-2003 Shared Task, table 1.
KNOWN_CORPORA = {"eriktks/conll2003": (14_041, 51_362)}  # sentences of train, tokens of dev


def count_steps(training: dict[str, Any], steps_per_epoch: int | None) -> int | None:
    """Count the optimizer steps of the longest training that a config allows.

    training (dict): The block `[training]`.
    steps_per_epoch (Optional[int]): Batches of an epoch; None if that is not known.
    RETURNS (Optional[int]): The steps; None where they cannot be told.
    """
    limits = [training["max_steps"]] if training["max_steps"] > 0 else []
    if training["max_epochs"] > 0 and steps_per_epoch is not None:
        limits.append(training["max_epochs"] * steps_per_epoch)
    elif training["max_epochs"] > 0 and not limits:
        return None
    return min(limits, default=None)


def estimate_time(
    training: dict[str, Any],
    *,
    steps_per_epoch: int | None,
    step_seconds: float,
    dev_words: int | None,
    words_per_second: float | None,
) -> Check:
    """Say how long training will take at most.

    training (dict): The block `[training]`.
    steps_per_epoch (Optional[int]): Batches of an epoch.
    step_seconds (float): Of a step, in the mean.
    dev_words (Optional[int]): Words of the dev corpus; None if that is not known.
    words_per_second (Optional[float]): Of prediction.
    RETURNS (Check): Hours, of steps and evaluations.
    """
    what = "time"
    steps = count_steps(training, steps_per_epoch)
    if steps is None:
        if training["max_epochs"] <= 0:
            found = f"{step_seconds:.3g} s a step; the config sets no end but patience"
            return Check(what, found, figures={"step_seconds": step_seconds})
        advice = "Convert the corpus first: the steps of an epoch are not known."
        return Check(what, f"{step_seconds:.3g} s a step", WARN, advice, {"step_seconds": step_seconds})
    evaluations = steps // training["eval_frequency"] + 1
    seconds = steps * step_seconds
    told = f"{steps:,} steps of {step_seconds:.3g} s"
    if dev_words and words_per_second:
        seconds += evaluations * dev_words / words_per_second
        told += f", {evaluations:,} evaluations of {dev_words / words_per_second:.3g} s"
    figures = {
        "hours": seconds / 3600,
        "steps": steps,
        "evaluations": evaluations,
        "step_seconds": step_seconds,
        "dev_words": dev_words,
    }
    most = " at most" if training["patience"] else ""
    return Check(what, f"{duration(seconds)}{most}: {told}", figures=figures)


def duration(seconds: float) -> str:
    """RETURNS (str): Seconds, minutes or hours, whichever reads best."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
