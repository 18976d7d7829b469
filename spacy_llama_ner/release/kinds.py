"""Write a trained pipeline in another form: without its backbone, or merged into it.

    as-is   as it was saved
    light   adapters, head, CRF and tokenizer; the backbone by name, commit and fingerprint
    full    adapters merged into the backbone, stored inside in bfloat16; nothing else is needed

What a full one computes in, `backbone.dtype`, is what the pipeline was trained and calibrated with.
"""

import gc
import logging
import shutil
from collections.abc import Iterator
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spacy_llama_ner.release.backbones import read_backbones

if TYPE_CHECKING:
    from spacy.language import Language

    from spacy_llama_ner.pipeline.component import LlamaCrfNer

logger = logging.getLogger(__name__)

LIGHT_BYTES = (
    20_000_000  # of a light pipeline, its tokenizers left out; the adapters of a 1B model have 14 MB
)
TOKENIZER = "model/tokenizer"  # within a component's folder


class Kind(StrEnum):
    """What of the backbone a package has."""

    as_is = "as-is"
    light = "light"
    full = "full"


def write_kind(kind: Kind, model_dir: Path, output_dir: Path) -> None:
    """Write a pipeline in another form; the one in `model_dir` stays as it is.

    kind (Kind): Which.
    model_dir (Path): A saved pipeline.
    output_dir (Path): The folder to write; must not exist.
    RAISES (ValueError): If the pipeline cannot be loaded, or cannot have this form.
    """
    if kind == Kind.as_is:
        shutil.copytree(model_dir, output_dir)
        return
    _rewrite(kind, model_dir, output_dir)
    gc.collect()  # the pipeline may have gigabytes, and is in cycles
    if kind == Kind.light:
        _check_light(output_dir)


def sizes(pipeline_dir: Path) -> dict[str, int]:
    """Measure a pipeline's files.

    pipeline_dir (Path): A saved pipeline.
    RETURNS (Dict[str, int]): Bytes: `total`, and of that the backbones' `tokenizer`.
    """
    files = _file_sizes(pipeline_dir)
    return {
        "total": sum(files.values()),
        "tokenizer": sum(size for path, size in files.items() if _is_tokenizer(path)),
    }


def _rewrite(kind: Kind, model_dir: Path, output_dir: Path) -> None:
    import spacy
    from spacy.util import load_config

    nlp = spacy.load(model_dir)
    taggers = dict(_taggers(nlp, kind))
    # What the form replaces is not copied: it may be gigabytes.
    weights = {str(model_dir / name / "model") for name in taggers}
    shutil.copytree(
        model_dir,
        output_dir,
        ignore=lambda folder, names: [name for name in names if str(Path(folder) / name) in weights],
    )
    config = load_config(output_dir / "config.cfg", interpolate=False)
    for name, pipe in taggers.items():
        changes = (
            _write_full(pipe, output_dir / name)
            if kind == Kind.full
            else _write_light(pipe, output_dir / name)
        )
        block = config["components"][name]["model"]
        block["backbone"].update(changes.pop("backbone"))
        block.update(changes)
    config.to_disk(output_dir / "config.cfg")


def _taggers(nlp: "Language", kind: Kind) -> Iterator[tuple[str, "LlamaCrfNer"]]:
    """YIELDS (Tuple[str, LlamaCrfNer]): Name and component. RAISES (ValueError): If it cannot have this form."""
    from spacy_llama_ner.pipeline.component import LlamaCrfNer

    found = [(name, pipe) for name, pipe in nlp.components if isinstance(pipe, LlamaCrfNer)]
    if not found:
        raise ValueError(
            f"The pipeline has no component llama_crf_ner ({', '.join(nlp.component_names) or 'none at all'}), so no "
            f"backbone: there is nothing to make a {kind} package of. Package it with --kind as-is."
        )
    for name, pipe in found:
        if pipe.shim.is_empty:
            raise ValueError(
                f"The component {name!r} has no weights: train the pipeline before you package it."
            )
        if kind == Kind.light and not pipe.shim.settings.freeze_backbone:
            raise ValueError(
                f"The component {name!r} trained all of its backbone (freeze_backbone = false), so nobody else has "
                "these weights and they must be inside. Package it with --kind full, or train with freeze_backbone = "
                "true."
            )
        if kind == Kind.light and pipe.shim.network.reference.merged:
            raise ValueError(
                f"The component {name!r} has its adapters merged into its backbone, as --kind full and `quantize` do, "
                "so nobody else has these weights and they must be inside. Package it with --kind as-is, or make the "
                "light package of the pipeline as it was trained."
            )
        yield name, pipe


def _write_light(pipe: "LlamaCrfNer", folder: Path) -> dict[str, Any]:
    """RETURNS (dict): What changes in the block `model` of the component's config."""
    from spacy_llama_ner.network.storage import save_network

    save_network(pipe.shim.network, folder / "model", save_inside=False)
    return {"backbone": {"save_inside": False}}


def _write_full(pipe: "LlamaCrfNer", folder: Path) -> dict[str, Any]:
    """RETURNS (dict): What changes in the block `model` of the component's config."""
    from spacy_llama_ner.network.merging import merge_network
    from spacy_llama_ner.network.storage import save_network

    network = pipe.shim.network
    before = asdict(network.settings)
    merge_network(network)
    save_network(network, folder / "model", save_inside=True)
    after = asdict(network.settings)
    changes = {name: value for name, value in after.items() if value != before[name]}
    # Nothing is left that could be unfrozen.
    return {**changes, "gradual_unfreezing_steps": 0, "backbone": {"save_inside": True}}


def _check_light(pipeline_dir: Path) -> None:
    """Warn of what makes a light pipeline less useful than it could be."""
    for backbone in read_backbones(pipeline_dir):
        if not backbone.on_hub:
            logger.warning(
                "This light package takes its backbone from a folder of this machine, %r. Whoever installs it has to "
                'point config={"components.%s.model.backbone.name": ...} of spacy.load at a copy of that folder. '
                "--kind full has it inside.",
                backbone.name,
                backbone.component,
            )
    files = {path: size for path, size in _file_sizes(pipeline_dir).items() if not _is_tokenizer(path)}
    if (total := sum(files.values())) > LIGHT_BYTES:
        largest = sorted(files, key=files.__getitem__, reverse=True)[:3]
        logger.warning(
            "This light package has %.1f MB besides the tokenizer, more than %.0f MB. The largest: %s. Less are a "
            "lower lora_rank, fewer lora_target_modules and unfreeze_layers = 0.",
            total / 1e6,
            LIGHT_BYTES / 1e6,
            ", ".join(f"{path} ({files[path] / 1e6:.1f} MB)" for path in largest),
        )


def _file_sizes(folder: Path) -> dict[str, int]:
    """RETURNS (Dict[str, int]): Bytes of each file, by its path in the folder."""
    return {
        path.relative_to(folder).as_posix(): path.stat().st_size
        for path in folder.rglob("*")
        if path.is_file()
    }


def _is_tokenizer(path: str) -> bool:
    return f"/{TOKENIZER}/" in path
