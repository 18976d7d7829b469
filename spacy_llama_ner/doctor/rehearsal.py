"""The training in small: build, step, save, load. A failure skips what builds on it."""

import math
from collections.abc import Iterator

from spacy.training.loop import subdivide_batch

from spacy_llama_ner.doctor.batches import PieceReader
from spacy_llama_ner.doctor.building import build
from spacy_llama_ner.doctor.check import OK, SKIPPED, WARN, Check, attempt, gigabytes
from spacy_llama_ner.doctor.device import free_memory
from spacy_llama_ner.doctor.memory import WEIGHTS, expected_kept, total
from spacy_llama_ner.doctor.needs import existing_parent
from spacy_llama_ner.doctor.reload import Reload, save_and_load
from spacy_llama_ner.doctor.schedule import KNOWN_CORPORA, estimate_time
from spacy_llama_ner.doctor.state import State
from spacy_llama_ner.doctor.steps import Steps, train_steps

STAGES = ("attention canary", "training step", "saving and loading", "time")
PREDICTED = 256  # docs
TOLERANCE = 0.1  # of what autograd keeps: the arithmetic is within 1% where nobody changed the model's code


def rehearse(state: State) -> list[Check]:
    """Run it, if all is there that it needs.

    state (State): What is known.
    RETURNS (List[Check]): In order.
    """
    if not state.available:
        return skip("the backbone cannot be had", STAGES)
    if not state.device_works:
        return skip("the device does not work", STAGES)
    if state.reader is None:
        return skip("the tokenizer does not work", STAGES)
    if state.sums and total(state.sums[0][1]) > free_memory(state.device):
        return skip("there is not enough memory", STAGES)
    return list(_train(state, state.reader))


def skip(why: str, rows: tuple[str, ...]) -> list[Check]:
    """RETURNS (List[Check]): One for each row that is not checked."""
    return [Check(row, why, SKIPPED) for row in rows]


def _train(state: State, reader: PieceReader) -> Iterator[Check]:
    plan = state.plan
    built = build(plan, state.gpu_id)
    yield from built.checks
    if not built.pipelines:
        yield from skip("the network was not built", STAGES[1:])
        return
    trained: list[Steps] = []
    reloaded: list[Reload] = []

    def train() -> list[Check]:
        trained.append(train_steps(built.pipelines[0], plan, state.epoch))
        return [*trained[0].checks, *_compare(state, reader, trained[0])]

    def save() -> list[Check]:
        docs = [example.predicted for batch in state.epoch.batches for example in batch][:PREDICTED]
        folder = existing_parent(state.output)
        reloaded.append(save_and_load(built.pipelines, plan.component.name, docs, folder))
        return reloaded[0].checks

    yield from attempt("training step", train)
    yield from attempt("saving and loading", save)
    if trained:
        speed = reloaded[0].words_per_second if reloaded else None
        yield _estimate_time(state, trained[0].seconds, speed)
    else:
        yield from skip("training failed", STAGES[-1:])


def _compare(state: State, reader: PieceReader, steps: Steps) -> list[Check]:
    """Hold the arithmetic against what was measured."""
    parts = [
        [
            reader.shape([example.predicted for example in part])
            for part in subdivide_batch(batch, state.accumulate)
        ]
        for batch in steps.batches
    ]
    kept = sum(expected_kept(state.expect(shape)) for shape in parts[0])
    largest = max((state.expect(shape) for batch in parts for shape in batch), key=total)
    on_cuda = state.device.type == "cuda"
    peak = total(item for item in largest if on_cuda or item.name not in WEIGHTS)
    figures = {"measured": steps.kept, "expected": kept, "pieces": sum(shape.pieces for shape in parts[0])}
    found = f"{gigabytes(steps.kept)}, expected {gigabytes(kept)}"
    # While layers are still to be unfrozen, less is kept.
    exact = state.trunk.config.model_type == "llama" and not state.plan.shim.running.gradual_unfreezing_steps
    if abs(kept / steps.kept - 1) < TOLERANCE or not exact:
        row = Check("kept for backward pass", found, OK, figures=figures)
    else:
        advice = "The memory expected above is off by as much: measure a full batch before you rely on it."
        row = Check("kept for backward pass", found, WARN, advice, figures)
    beyond = "" if on_cuda else " beyond weights"
    return [
        row,
        Check(
            "peak memory",
            f"{gigabytes(steps.peak)}{beyond}, expected {gigabytes(peak)}",
            figures={"measured": steps.peak, "expected": peak},
        ),
    ]


def _estimate_time(state: State, step_seconds: float, words_per_second: float | None) -> Check:
    plan = state.plan
    steps, dev_words = state.epoch.steps, None
    if plan.sampled and (known := KNOWN_CORPORA.get(plan.source or "")):
        sentences, dev_words = known
        steps = math.ceil(sentences / max(map(len, state.epoch.batches)))
    elif plan.has_corpus("dev_corpus"):
        dev_words = sum(len(example.reference) for example in plan.reader("dev_corpus")(plan.nlp))
    return estimate_time(
        plan.training,
        steps_per_epoch=steps,
        step_seconds=step_seconds,
        dev_words=dev_words,
        words_per_second=words_per_second,
    )
