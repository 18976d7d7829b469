"""All checks in order. What a check needs and did not get is skipped, and says why; the others go on."""

from collections.abc import Iterator
from pathlib import Path

from spacy_llama_ner.doctor.batches import PieceReader
from spacy_llama_ner.doctor.check import FAIL, SKIPPED, WARN, Check, Section, attempt
from spacy_llama_ner.doctor.device import check_device
from spacy_llama_ner.doctor.needs import check_disk, check_memory
from spacy_llama_ner.doctor.rehearsal import rehearse
from spacy_llama_ner.doctor.repositories import Repository, check_folder, check_repository
from spacy_llama_ner.doctor.state import State
from spacy_llama_ner.doctor.tokens import check_tokenizer
from spacy_llama_ner.doctor.versions import check_versions

CONSTRAINTS = Path("constraints.txt")
NEEDS = "Needs"


def examine(state: State) -> Iterator[Section]:
    """Check everything.

    state (State): The config and the device; gets what is found out.
    YIELDS (Section): Each as soon as its checks have run.
    """
    versions = attempt("versions", lambda: check_versions(gpu_id=state.gpu_id, constraints=CONSTRAINTS))
    yield Section("Versions", versions)
    yield Section("Device", attempt("device", lambda: _check_device(state)))
    backbone = attempt("backbone", lambda: _check_backbone(state))
    yield Section("Backbone and data set", [*backbone, *attempt("data set", lambda: _check_data_set(state))])
    yield Section("Tokenizer", attempt("tokenizer", lambda: _check_tokenizer(state)))
    yield _check_needs(state)
    yield Section("Training, saving and loading", attempt("training", lambda: rehearse(state)))


def estimate(state: State) -> Section:
    """Say what training will need, and check nothing else; device and backbone need not be there.

    state (State): The config and the device; gets the sums.
    RETURNS (Section): Memory and disk.
    """
    attempt("device", lambda: _check_device(state))
    attempt("backbone", lambda: _check_backbone(state))
    return _check_needs(state)


def _check_needs(state: State) -> Section:
    memory = attempt("memory", lambda: check_memory(state))
    return Section(NEEDS, [*memory, *(attempt("disk", lambda: check_disk(state)) if state.sums else [])])


def _check_device(state: State) -> list[Check]:
    state.device_works = False
    checks = check_device(gpu_id=state.gpu_id, dtype=state.plan.shim.source.dtype)
    state.device_works = all(check.status != FAIL for check in checks)
    return checks


def _check_backbone(state: State) -> list[Check]:
    source = state.plan.shim.source
    folder = Path(source.name)
    if folder.is_dir():
        state.repository = check_folder("backbone", folder)
    elif folder.is_absolute() or source.name.startswith((".", "~")) or len(folder.parts) > 2:
        advice = "Point model.backbone.name in the component's config at a folder or a name on the hub."
        row = Check("backbone", f"no folder {source.name}", FAIL, advice)
        state.repository = Repository([row], available=False)
    else:
        state.repository = check_repository("backbone", source.name, revision=source.revision, kind="model")
    return state.repository.checks


def _check_data_set(state: State) -> list[Check]:
    from spacy_llama_ner.corpus.hub import DEFAULT_REVISIONS

    plan = state.plan
    if not plan.sampled:
        return [Check("data set", "not needed: the corpus is converted")]
    if plan.source is None or Path(plan.source).exists():
        advice = "Run `convert` first, to have memory and hours for your corpus."
        return [Check("data set", "the training corpus is not converted yet", WARN, advice)]
    revision = plan.source_revision or DEFAULT_REVISIONS.get(plan.source)
    return check_repository("data set", plan.source, revision=revision, kind="dataset").checks


def _check_tokenizer(state: State) -> list[Check]:
    if not state.available:
        return [Check("tokenizer", "the backbone cannot be had", SKIPPED)]
    from spacy_llama_ner.network.backbone import load_tokenizer

    source = state.plan.shim.source
    tokenizer = load_tokenizer(source.name, revision=source.revision)
    state.reader = PieceReader(tokenizer, state.trunk, state.plan)
    docs = [example.predicted for batch in state.epoch.batches for example in batch]
    checks = check_tokenizer(state.reader, docs)
    if state.plan.sampled:
        checks.append(Check("text", f"{len(docs)} invented sentences: the corpus is not converted yet"))
    return checks
