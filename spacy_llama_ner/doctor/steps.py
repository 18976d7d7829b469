"""Real training steps: the config's component, device, batches and optimizer, in spaCy's own loop."""

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Any

from spacy.language import Language
from spacy.training import Example
from spacy.training.loop import train_while_improving

from spacy_llama_ner.doctor.batches import Epoch
from spacy_llama_ner.doctor.check import FAIL, Check
from spacy_llama_ner.doctor.kept import count_kept
from spacy_llama_ner.doctor.peak import watch_memory
from spacy_llama_ner.doctor.plan import Plan

LEAST, MOST = 3, 12  # steps that are timed
SECONDS = 15.0  # after which no further step begins


@dataclass
class Steps:
    """What was measured.

    checks (List[Check]): In words.
    seconds (float): Of a step, in the mean.
    peak (int): Bytes of all steps; see `Peak`.
    kept (int): Bytes that autograd kept in the first step; see `count_kept`.
    batches (List[List[Example]]): What was read, as many as steps.
    """

    checks: list[Check]
    seconds: float
    peak: int
    kept: int
    batches: list[list[Example]]


def train_steps(nlp: Language, plan: Plan, epoch: Epoch) -> Steps:
    """Train a few steps.

    nlp (Language): Initialized. Its weights change.
    plan (Plan): The config.
    epoch (Epoch): Its batches; taken again from the first where they do not suffice.
    RETURNS (Steps): Figures, and whether the loss is finite and weights change.
    RAISES (Exception): What training raises.
    """
    component: Any = nlp.get_pipe(plan.component.name)
    network = component.shim.network
    trained = {name: weight for name, weight in network.named_parameters() if weight.requires_grad}
    before = _digests(trained)
    seconds: list[float] = []
    losses: list[float] = []
    with watch_memory() as peak:
        loop = _loop(nlp, plan, epoch)
        with count_kept(network) as kept:
            next(loop)  # not timed: kernels are chosen, memory is found
        losses.append(component.last_step.get("loss", math.nan))
        start = time.perf_counter()
        while len(seconds) < LEAST or (len(seconds) < MOST and time.perf_counter() - start < SECONDS):
            begun = time.perf_counter()
            next(loop)
            _wait()
            seconds.append(time.perf_counter() - begun)
            losses.append(component.last_step.get("loss", math.nan))
        loop.close()
    mean = sum(seconds) / len(seconds)
    after = _digests(trained)
    changed = sum(after[name] != before[name] for name in trained)
    return Steps(
        [
            Check(
                "training step",
                f"{mean:.3g} s, mean of {len(seconds)} after the first",
                figures={"seconds": mean, "steps": len(seconds)},
            ),
            _check_losses(losses),
            _check_changed(changed, len(before)),
        ],
        mean,
        peak.size,
        kept.size,
        list(islice(cycle(epoch.batches), len(losses))),
    )


def _loop(nlp: Language, plan: Plan, epoch: Epoch) -> Any:
    training = plan.training
    return train_while_improving(
        nlp,
        training["optimizer"],
        ((0, batch) for batch in cycle(epoch.batches)),
        evaluate=lambda: (0.0, {}),
        dropout=training["dropout"],
        eval_frequency=1_000_000,
        accumulate_gradient=training["accumulate_gradient"],
        patience=0,
        max_steps=0,
        exclude=training["frozen_components"],
        annotating_components=training["annotating_components"],
        before_update=None,
    )


def _check_losses(losses: list[float]) -> Check:
    figures = {"first": losses[0], "last": losses[-1]}
    found = f"{losses[0]:.3f} in the first step, {losses[-1]:.3f} in the last"
    if all(map(math.isfinite, losses)):
        return Check("loss", found, figures=figures)
    advice = "It is not finite: lower the learning rate, or look whether the corpus is annotated."
    return Check("loss", found, FAIL, advice)


def _check_changed(changed: int, count: int) -> Check:
    figures = {"changed": changed, "trained": count}
    found = f"{changed} of {count} trained tensors changed"
    if changed:
        return Check("weights", found, figures=figures)
    advice = "Nothing was learned: look at the learning rate and its schedule."
    return Check("weights", found, FAIL, advice, figures)


def _digests(weights: Mapping[str, Any]) -> dict[str, tuple[float, float]]:
    """RETURNS (Dict[str, Tuple[float, float]]): Sums that tell a tensor from its later self, without a copy."""
    doubles = ((name, weight.detach().double()) for name, weight in weights.items())
    return {name: (float(weight.sum()), float(weight.square().sum())) for name, weight in doubles}


def _wait() -> None:
    import torch

    if torch.cuda.is_available() and torch.cuda.is_initialized():
        torch.cuda.synchronize()
