"""Lay out a packaged pipeline as a repository of the Hugging Face hub.

The unpacked pipeline is at the root, so that `spacy.load(snapshot_download(...))` works; the wheel is beside it, so
that pip installs it from its address; README.md is the model card.
Source: explosion/spacy-huggingface-hub, spacy_huggingface_hub/push.py. It names the wheel `NAME-any-py3-none-any.whl`,
whose version uv and pip refuse by now (explosion/spacy-huggingface-hub#23): here it keeps its own name.
"""

import re
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import srsly

from spacy_llama_ner.release.backbones import Backbone, check_obtainable, read_backbones
from spacy_llama_ner.release.errors import ReleaseError
from spacy_llama_ner.release.hub_card import complete_card
from spacy_llama_ner.release.llama_licence import llama_version, name_must_begin_with, notice
from spacy_llama_ner.release.wheel import PROJECT, check_requires_project

CARD = "README.md"
NOTICE = "NOTICE"


@dataclass(frozen=True)
class Upload:
    """What is to be sent to a repository.

    repo_id (str): owner/name.
    revision (str): The branch.
    package (str): The package's name, such as "en_llama_crf_ner".
    version (str): The package's version.
    files (dict[str, Path]): By their place in the repository.
    card (str): The model card.
    backbones (list[Backbone]): What `read_backbones` returned.
    install (str): The command that installs the pipeline from the hub.
    warnings (list[str]): What whoever publishes it should know.
    """

    repo_id: str
    revision: str
    package: str
    version: str
    files: dict[str, Path]
    card: str
    backbones: list[Backbone]
    install: str
    warnings: list[str]

    def sizes(self) -> dict[str, int]:
        """RETURNS (dict[str, int]): Bytes of each file, by its place in the repository."""
        return {place: path.stat().st_size for place, path in self.files.items()}


@contextmanager
def prepare_upload(
    source: Path, repo_id: str, *, revision: str = "main", project_wheel: Path | None = None
) -> Iterator[Upload]:
    """Unpack a pipeline's wheel and complete its model card, inside of a `with` block.

    source (Path): The wheel, or the folder `LANG_NAME-VERSION` that `package` wrote.
    repo_id (str): owner/name.
    revision (str): The branch that it is meant for.
    project_wheel (Path | None): The wheel of this package, to be sent along.
    RETURNS (Iterator[Upload]): Its unpacked files are removed at the end of the block.
    RAISES (ValueError): If the source is no packaged pipeline or repo_id no name of a repository.
    RAISES (ReleaseError): If nobody else could load or install the pipeline.
    """
    _check_repo_id(repo_id)
    wheel = _find_wheel(source)
    requirement = check_requires_project(wheel)
    addresses = [_address(repo_id, revision, path.name) for path in (project_wheel, wheel) if path]
    install = "pip install " + " ".join(f'"{address}"' for address in addresses)
    if project_wheel is None:
        install += f"  # it requires {requirement}"
    else:
        _check_project_wheel(project_wheel)
    with tempfile.TemporaryDirectory(prefix="spacy-llama-ner-push-") as folder:
        pipeline_dir = _unpack(wheel, Path(folder))
        meta = srsly.read_json(pipeline_dir / "meta.json")
        backbones = read_backbones(pipeline_dir)
        check_obtainable(backbones)
        versions = dict.fromkeys(llama_version(backbone.public_name) for backbone in backbones)
        llamas = [version for version in versions if version]
        if llamas and not (pipeline_dir / NOTICE).exists():
            lines = "".join(f"{notice(version)}\n" for version in llamas)
            (pipeline_dir / NOTICE).write_text(lines, encoding="utf8")
        packaged = (
            (pipeline_dir / CARD).read_text(encoding="utf8") if (pipeline_dir / CARD).exists() else None
        )
        card = complete_card(packaged, meta, backbones=backbones, install=install)
        (pipeline_dir / CARD).write_text(card, encoding="utf8")
        paths = sorted(path for path in pipeline_dir.rglob("*") if path.is_file())
        files = {path.relative_to(pipeline_dir).as_posix(): path for path in paths}
        files |= {path.name: path for path in (wheel, project_wheel) if path}
        yield Upload(
            repo_id=repo_id,
            revision=revision,
            package=f"{meta['lang']}_{meta['name']}",
            version=meta["version"],
            files=files,
            card=card,
            backbones=backbones,
            install=install,
            warnings=_licence_warnings(repo_id, llamas, backbones, files),
        )


def _check_repo_id(repo_id: str) -> None:
    from huggingface_hub.utils import HFValidationError, validate_repo_id

    try:
        validate_repo_id(repo_id)
        reason = "" if "/" in repo_id else "It has no owner."
    except HFValidationError as e:
        reason = str(e)
    if reason:
        raise ValueError(f"{repo_id!r} is not a repository's name, expected owner/name. {reason}")


def _find_wheel(source: Path) -> Path:
    if not source.is_dir():
        if not source.is_file():
            raise ValueError(f"{source} does not exist: give a wheel or a folder that `package` wrote.")
        return source
    wheels = sorted(source.glob("*.whl")) or sorted(source.glob("dist/*.whl"))
    if len(wheels) != 1:
        found = ", ".join(wheel.name for wheel in wheels) or "none"
        raise ValueError(
            f"{source} and its dist/ must have one wheel, found: {found}. Give the wheel, or build one with `package`."
        )
    return wheels[0]


def _check_project_wheel(path: Path) -> None:
    if not path.is_file() or not re.fullmatch(rf"{PROJECT.replace('-', '_')}-[^-]+-.*\.whl", path.name):
        raise ValueError(f"{path} is not a wheel of {PROJECT}: `package --with-project` builds one.")


def _unpack(wheel: Path, folder: Path) -> Path:
    """Unpack NAME/NAME-VERSION/, which is where spaCy's package has the pipeline."""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        roots = [
            found[1] for name in names if (found := re.fullmatch(r"(([^/]+)/\2-[^/]+)/meta\.json", name))
        ]
        if len(roots) != 1:
            raise ReleaseError(f"{wheel} has no pipeline in it, expected a wheel that `package` built.")
        archive.extractall(folder, [name for name in names if name.startswith(f"{roots[0]}/")])
    return folder / roots[0]


def _address(repo_id: str, revision: str, name: str) -> str:
    from huggingface_hub import constants

    return f"{constants.ENDPOINT}/{repo_id}/resolve/{quote(revision, safe='')}/{name}"


def _licence_warnings(
    repo_id: str, llamas: list[str], backbones: list[Backbone], files: dict[str, Path]
) -> list[str]:
    name, warnings = repo_id.split("/")[1], []
    for version in llamas:
        start = name_must_begin_with(version)
        if not name.lower().replace("-", " ").startswith(start.lower()):
            warnings.append(
                f"The licence of Llama {version} asks that the name of a model made with it begins with {start!r}, and "
                f"{name!r} does not."
            )
        has_licence = any(path.upper().startswith("LICENSE") for path in files)
        if any(backbone.inside for backbone in backbones) and not has_licence:
            warnings.append(
                f"The backbone is inside, so the licence of Llama {version} asks for a copy of it beside: save it as "
                "LICENSE in the pipeline's folder and package again."
            )
    return warnings
