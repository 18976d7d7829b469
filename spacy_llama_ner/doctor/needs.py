"""What training will need: memory, before a weight is loaded, and disk."""

import shutil
from dataclasses import asdict
from pathlib import Path

from spacy_llama_ner.doctor.batches import assumed_shapes, batch_shapes
from spacy_llama_ner.doctor.check import FAIL, WARN, Check, gigabytes
from spacy_llama_ner.doctor.device import free_memory
from spacy_llama_ner.doctor.memory import total
from spacy_llama_ner.doctor.state import State

COPIES = 3  # model-best, model-last, and the draft that replaces it
BESIDE = 20_000_000  # bytes of a saved pipeline beside its weights, mostly the tokenizer


def check_memory(state: State) -> list[Check]:
    """Add up the memory that is needed, and look whether it is there.

    state (State): Gets the sums.
    RETURNS (List[Check]): The sums in short, and what they rest on.
    """
    plan, model = state.plan, state.trunk.config.model_type
    if state.reader is not None and not plan.sampled:
        whose, shapes = "of the corpus", batch_shapes(state.epoch, state.reader, accumulate=state.accumulate)
    else:
        whose, shapes = "assumed", assumed_shapes(state.epoch, plan)
    state.sums = [(shape, state.expect(shape)) for shape in shapes]
    usual, largest = (total(items) for _, items in state.sums)
    found = f"{gigabytes(usual)} for a usual batch ({whose}), {gigabytes(largest)} for the largest"
    figures = [
        {**asdict(shape), "items": [asdict(item) for item in items], "total": total(items)}
        for shape, items in state.sums
    ]
    checks = [Check("memory", found, figures={"batches": figures})]
    if not state.available:
        advice = "Its config.json cannot be had: it may differ."
        checks.append(Check("shape", f"{plan.shim.source.name} as it is known here", WARN, advice))
    if model != "llama":
        advice = "The arithmetic is Llama's. Trust the peak that is measured in training."
        checks.append(Check("shape", f"of a {model}", WARN, advice))
    if state.device_works:
        checks.append(_check_fits(usual, largest, free_memory(state.device)))
    return checks


def check_disk(state: State) -> list[Check]:
    """Look for room for the download and for checkpoints.

    state (State): What is known.
    RETURNS (List[Check]): One for each.
    """
    from huggingface_hub import constants

    checks = []
    if state.repository is not None and state.repository.download:
        cache = Path(constants.HF_HUB_CACHE)
        checks.append(_check_space("disk for the download", state.repository.download, cache, "HF_HOME"))
    shim = state.plan.shim
    inside = shim.source.save_inside or not shim.settings.freeze_backbone
    weights = state.trunk.parameters()
    saved = BESIDE + sum(weight.nbytes for weight in weights if inside or weight.requires_grad)
    setting = "--output of `spacy train`"
    return [*checks, _check_space("disk for checkpoints", COPIES * saved, state.output, setting)]


def existing_parent(path: Path) -> Path:
    """RETURNS (Path): The folder, or the nearest one above it that exists."""
    path = path.absolute()
    return next(place for place in (path, *path.parents) if place.is_dir())


def _check_fits(usual: float, largest: float, free: int) -> Check:
    figures = {"free": free}
    advice = (
        "Less memory: gradient_checkpointing = true, a smaller batch or accumulate_gradient, a smaller "
        'max_window_pieces, fewer layers, or backbone.dtype = "bfloat16".'
    )
    if usual > free:
        return Check("fits", f"no: {gigabytes(free)} are free", FAIL, advice, figures)
    if largest > free:
        found = f"not the largest batch: {gigabytes(free)} are free"
        return Check("fits", found, WARN, advice, figures)
    return Check("fits", f"yes: {gigabytes(free)} are free", figures=figures)


def _check_space(what: str, needed: int, place: Path, setting: str) -> Check:
    free = shutil.disk_usage(existing_parent(place)).free
    found = f"{gigabytes(needed)} needed, {gigabytes(free)} free"
    figures = {"needed": needed, "free": free}
    if free > needed:
        return Check(what, found, figures=figures)
    return Check(
        what, found, FAIL, f"Make room in {place}, or choose another folder with {setting}.", figures
    )
