"""Save a network to a folder and load it back.

    network.json          labels, settings, reference to the backbone, checksum of every other file
    head.safetensors      head and CRF
    adapter/              LoRA adapters, in peft's folder format
    tokenizer/            the backbone's tokenizer
    unfrozen.safetensors  those of the backbone's own weights that were trained, where the rest is not inside
    backbone/             the backbone itself, where all of it was trained or it is to be inside

Nothing here is a pickle. Saving merges no weights.
"""

import glob
import hashlib
import json
import logging
import shutil
import tempfile
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from transformers import PreTrainedModel

from spacy_llama_ner.network.adapters import load_adapters, save_adapters
from spacy_llama_ner.network.backbone import BackboneReference, fingerprint, load_backbone, load_tokenizer
from spacy_llama_ner.network.backbone_files import save_backbone
from spacy_llama_ner.network.identity import config_differences, shaping_config
from spacy_llama_ner.network.network import TaggingNetwork
from spacy_llama_ner.network.quantization import check_storable, quantize_trunk
from spacy_llama_ner.network.types import BackboneSource, NetworkSettings
from spacy_llama_ner.network.unfreezing import base_parameters
from spacy_llama_ner.replacement import replace_folder

logger = logging.getLogger("spacy_llama_ner")

FORMAT = 1
MANIFEST = "network.json"
HEAD = "head.safetensors"
UNFROZEN = "unfrozen.safetensors"


def is_inside(network: TaggingNetwork, save_inside: bool) -> bool:
    """RETURNS (bool): Whether the backbone is saved with it: where asked, or nobody else has its weights."""
    return save_inside or not network.settings.freeze_backbone or network.reference.merged


def save_network(network: TaggingNetwork, folder: Path, *, save_inside: bool) -> None:
    """Write a network to a folder, whole or not at all: what was there is replaced at the end.

    network (TaggingNetwork): On any device.
    folder (Path): The folder to write; its parent is created.
    save_inside (bool): Include the backbone; see `is_inside`.
    RAISES (ValueError): If the folder, or one above it, is a file, or the backbone cannot be stored as it is quantized.
    RAISES (OSError): If it cannot be written, such as on a full disk.
    """
    folder = folder.resolve()
    inside = is_inside(network, save_inside)
    if inside:
        check_storable(network.trunk)
    for place in (folder, *folder.parents):
        if place.exists() and not place.is_dir():
            raise ValueError(f"{place} is a file; a network is saved to a folder")
    try:
        _write(network, folder, inside=inside)
    except Exception as error:  # safetensors and tokenizers raise kinds of their own
        raise OSError(
            f"cannot save to {folder} ({error}); what was there before is as it was. Is the disk full, or the "
            "folder write-protected?"
        ) from error


def _write(network: TaggingNetwork, folder: Path, *, inside: bool) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    prefix = f".{folder.name}-draft-"
    for stale in folder.parent.glob(f"{glob.escape(prefix)}*"):  # of a save that was killed
        shutil.rmtree(stale, ignore_errors=True)
    draft = Path(tempfile.mkdtemp(prefix=prefix, dir=folder.parent))
    try:
        head = {f"head.{name}": weight for name, weight in network.head.state_dict().items()}
        head |= {f"crf.{name}": weight for name, weight in network.crf.state_dict().items()}
        save_file({name: weight.cpu().contiguous() for name, weight in head.items()}, draft / HEAD)
        if isinstance(network.backbone, PeftModel):
            save_adapters(network.backbone, draft / "adapter", base_name=network.reference.name)
        network.tokenizer.save_pretrained(str(draft / "tokenizer"))
        if inside:
            save_backbone(network.trunk, draft / "backbone")
        elif network.unfrozen:
            own = base_parameters(network.trunk)
            trained = {name: own[name].detach() for group in network.unfrozen for name in group}
            save_file({name: weight.cpu().contiguous() for name, weight in trained.items()}, draft / UNFROZEN)
        manifest = {
            "format": FORMAT,
            "labels": network.labels,
            "settings": network.settings.to_dict(),
            "backbone": {**asdict(network.reference), "inside": inside},
            "files": {name: _checksum(draft / name) for name in _files(draft)},
        }
        (draft / MANIFEST).write_text(json.dumps(manifest, indent=2), encoding="utf8")
        _make_readable(draft)
        replace_folder(draft, folder)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise


def load_network(
    folder: Path,
    *,
    source: BackboneSource,
    labels: list[str],
    settings: NetworkSettings,
    device: torch.device | None = None,
) -> TaggingNetwork:
    """Load a network from a folder, ready to predict or to be trained on.

    folder (Path): Written by `save_network`.
    source (BackboneSource): Where to find a backbone that is not inside. The name it was trained with means
        the commit it was trained on, unless a revision is given.
    labels (List[str]): Labels that the component knows; they must be the saved ones.
    settings (NetworkSettings): Settings of the config; they must be the saved ones.
    device (Optional[device]): Where it goes; None for the CPU.
    RETURNS (TaggingNetwork): On the device.
    RAISES (ValueError): If a file is missing, cut or changed, if labels or settings differ, or if the
        backbone is not the one it was trained with.
    """
    manifest, reference = _read_manifest(folder)
    if differing := settings.differences(manifest["settings"]):
        raise ValueError(f"{folder}: the config does not fit the saved weights: {'; '.join(differing)}")
    if labels != manifest["labels"]:
        raise ValueError(f"{folder}: component has labels {labels}, saved weights have {manifest['labels']}")
    if manifest["backbone"]["inside"]:
        if (source.name, source.revision) != (reference.name, reference.asked_revision):
            logger.warning(
                "%s has its own backbone inside (%r, as it was trained); backbone.name = %r and .revision = %r of the "
                "config are ignored",
                folder,
                reference.name,
                source.name,
                source.revision,
            )
        trunk = load_backbone(source, settings, name=str(folder / "backbone"), device=device)
    else:
        trunk = _load_referenced(folder, source, settings, reference, device)
    quantize_trunk(trunk, source.quantization)
    tokenizer = load_tokenizer(str(folder / "tokenizer"))
    network = TaggingNetwork(trunk, tokenizer, labels, settings, reference)
    try:
        if isinstance(network.backbone, PeftModel):
            load_adapters(network.backbone, folder / "adapter")
        _load_unfrozen(network, folder)
        state = load_file(folder / HEAD)
        for name in ("head", "crf"):
            prefix = f"{name}."
            part = {key.removeprefix(prefix): state[key] for key in state if key.startswith(prefix)}
            getattr(network, name).load_state_dict(part)
    except (SafetensorError, RuntimeError, KeyError, OSError) as error:
        reason = " ".join(str(error).split())  # torch's has several lines
        raise ValueError(f"{folder}: cannot read the saved weights: {reason}") from error
    return network.to(device)


def _load_unfrozen(network: TaggingNetwork, folder: Path) -> None:
    """Fill the backbone's weights that were trained, in float32: the backbone itself may have been read in less."""
    own = base_parameters(network.trunk)
    wanted = {name for group in network.unfrozen for name in group}
    inside = sorted((folder / "backbone").glob("*.safetensors"))
    for path in inside or [folder / UNFROZEN] if wanted else []:
        with safe_open(path, "pt") as weights, torch.no_grad():
            for name in wanted & set(weights.keys()):
                own[name].copy_(weights.get_tensor(name))
                wanted.remove(name)
    if wanted:
        raise KeyError(f"no trained weight {min(wanted)}")


def _load_referenced(
    folder: Path,
    source: BackboneSource,
    settings: NetworkSettings,
    reference: BackboneReference,
    device: torch.device | None,
) -> PreTrainedModel:
    """Load a backbone that is not inside, and check that it is the one that was trained with."""
    if source.name == reference.name:
        if reference.revision is None and not Path(source.name).is_dir():
            raise ValueError(
                f"{folder}: cannot load the backbone {source.name!r}: it was a folder where this pipeline was "
                f"trained, and there is none of that name in {Path.cwd()}. Point "
                "model.backbone.name in the component's config at a local copy"
            )
        if source.revision == reference.asked_revision:
            source = replace(source, revision=reference.revision)  # the branch may have moved since
    trunk = load_backbone(source, settings, device=device)
    if fingerprint(trunk) != reference.fingerprint:
        raise ValueError(
            f"{folder}: the backbone {source.name!r} is not the one these weights were trained with "
            f"({reference.name!r}, revision {reference.revision}): its fingerprint differs. Point "
            "model.backbone.name and .revision in the component's config at that one. (It also differs "
            f"between float16 and another dtype; here backbone.dtype is {source.dtype!r}.)"
        )
    if changed := config_differences(reference.config, shaping_config(trunk.config)):
        raise ValueError(
            f"{folder}: the backbone {source.name!r} has the weights that these were trained with, but does not "
            f"compute what it did: in its config.json, {'; '.join(changed)}. Get the file again, or undo that change"
        )
    return trunk


def _read_manifest(folder: Path) -> tuple[dict[str, Any], BackboneReference]:
    """Read `network.json` and check every file it names."""
    path = folder / MANIFEST
    if not path.is_file():
        raise ValueError(f"{path} is missing: {folder} is no saved network, or was not written to the end")
    try:
        manifest = json.loads(path.read_text(encoding="utf8"))
        version, files = manifest["format"], dict(manifest["files"])
        if version == FORMAT:
            manifest["labels"], manifest["settings"] = list(manifest["labels"]), dict(manifest["settings"])
            backbone = dict(manifest["backbone"])
            inside = backbone.pop("inside")
            if not isinstance(inside, bool):
                raise ValueError(f"backbone.inside is {inside!r}, expected true or false")
            reference = BackboneReference(**backbone)
            if not isinstance(reference.config, dict | None):
                raise ValueError(f"backbone.config is {reference.config!r}, expected an object or null")
            needed = {HEAD, "tokenizer/tokenizer.json"}
            if manifest["settings"]["peft"] == "lora":
                needed |= {"adapter/adapter_model.safetensors"}
            if not inside and manifest["settings"].get("unfreeze_layers"):
                needed |= {UNFROZEN}
            if inside:
                needed |= {"backbone/config.json"} | {
                    name for name in _files(folder) if name.endswith(".safetensors")
                }
            if missing := needed - files.keys():
                raise ValueError(f"it does not list {', '.join(sorted(missing))}")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"{path} is damaged ({error!r}); save or install the pipeline again") from error
    if version != FORMAT:
        raise ValueError(
            f"{path} has format {version}, this version of spacy-llama-ner reads format {FORMAT}"
        )
    for name, checksum in files.items():
        if not (folder / name).is_file():
            raise ValueError(f"{folder / name} is missing; save or install the pipeline again")
        if _checksum(folder / name) != checksum:
            raise ValueError(
                f"{folder / name} was cut or changed after it was saved (its SHA-256 differs from the one in "
                f"{MANIFEST}); save or install the pipeline again"
            )
    return manifest, reference


def _make_readable(folder: Path) -> None:
    """Undo that mkdtemp and safetensors make what they write private to the user, whatever the umask.

    These two were made in the usual way and have the modes that the umask asks for.
    """
    file_mode = (folder / MANIFEST).stat().st_mode & 0o777
    folder_mode = (folder / "tokenizer").stat().st_mode & 0o777
    for path in [folder, *folder.rglob("*")]:
        path.chmod(folder_mode if path.is_dir() else file_mode)


def _files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
