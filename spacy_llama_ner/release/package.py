"""Turn a trained pipeline into an installable wheel, with its model card inside."""

import io
import json
import logging
import re
import shutil
import tempfile
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from spacy_llama_ner.release.backbones import read_backbones
from spacy_llama_ner.release.errors import ReleaseError
from spacy_llama_ner.release.hub_card import complete_card
from spacy_llama_ner.release.meta import release_meta
from spacy_llama_ner.release.model_card import model_card
from spacy_llama_ner.release.wheel import build_wheel, check_requires_project
from spacy_llama_ner.replacement import replace_folder

logger = logging.getLogger(__name__)


def package_pipeline(
    model_dir: Path,
    output_dir: Path,
    *,
    name: str,
    version: str,
    about: dict[str, Any] | None = None,
    metrics: dict[str, Any] | None = None,
    write: Callable[[Path, Path], Any] = shutil.copytree,
) -> Path:
    """Package a pipeline as `spacy package` does, and build its wheel.

    model_dir (Path): A pipeline's folder; it is read only.
    output_dir (Path): Gets the folder `LANG_NAME-VERSION`, replaced if it is there, with the wheel in its
        `dist`.
    name (str): Package name, with or without the language in front.
    version (str): Package version.
    about (dict): What `read_about` returned.
    metrics (dict): What `read_metrics` returned.
    write (Callable[[Path, Path], Any]): Writes the pipeline that goes inside, from `model_dir` to a new folder. What it
        raises leaves an older package as it was.
    RETURNS (Path): The wheel.
    RAISES (FileNotFoundError): If there is no pipeline in `model_dir`.
    RAISES (ValueError): If name or version cannot be a package's, or the pipeline's meta.json is damaged.
    RAISES (ReleaseError): If packaging or building fails, or the wheel does not require this package.
    """
    about, metrics = about or {}, metrics or {}
    if not (model_dir / "meta.json").is_file():
        raise FileNotFoundError(f"No pipeline in {model_dir}: it has no meta.json.")
    meta = release_meta(
        _read_meta(model_dir / "meta.json"), name=name, version=version, about=about, metrics=metrics
    )
    output_dir.mkdir(parents=True, exist_ok=True)
    package_dir = output_dir / f"{meta['lang']}_{meta['name']}-{version}"
    # Within output_dir: a pipeline with its backbone inside may be larger than the system's temporary folder.
    with tempfile.TemporaryDirectory(dir=output_dir, prefix=".package-") as folder:
        work_dir = Path(folder) / "pipeline"
        write(model_dir, work_dir)
        (work_dir / "meta.json").write_text(json.dumps(meta, indent=2, ensure_ascii=False), encoding="utf8")
        card = model_card(meta, about=about, metrics=metrics)
        card = complete_card(card, meta, backbones=read_backbones(work_dir))
        (work_dir / "README.md").write_text(card, encoding="utf8")
        built = Path(folder) / package_dir.name
        _spacy_package(work_dir, built.parent)
        shutil.rmtree(work_dir)
        wheel = build_wheel(built, built / "dist")
        _remove_litter(built)
        logger.info("Built %s, which requires %s", wheel, check_requires_project(wheel))
        # Only now: whatever fails above leaves an older package as it was.
        replace_folder(built, package_dir)
    return package_dir / "dist" / wheel.name


def _read_meta(path: Path) -> dict[str, Any]:
    try:
        meta = json.loads(path.read_text(encoding="utf8"))
    except ValueError as e:
        raise ValueError(f"{path} is not valid JSON: {e}. Save the pipeline again.") from e
    if not isinstance(meta, dict) or not isinstance(meta.get("lang"), str):
        raise ValueError(f'{path} has no "lang": it is not the meta.json of a saved pipeline.')
    return meta


def _spacy_package(work_dir: Path, output_dir: Path) -> None:
    """Let spaCy lay out the package's folder; it finds the requirements by loading the pipeline."""
    from spacy.cli.package import package

    printed = io.StringIO()
    try:
        # No wheel here: spaCy builds it in an isolated environment, which downloads the build tools.
        with redirect_stdout(printed):
            package(work_dir, output_dir, create_sdist=False, create_wheel=False, force=True, silent=False)
    except SystemExit as e:
        # What it printed, without colours and without the good news before it failed.
        reason = re.sub(r"\x1b\[[0-9;]*m", "", printed.getvalue()).rpartition("✘")[2]
        raise ReleaseError(f"`spacy package` refused the pipeline: {' '.join(reason.split())}") from e


def _remove_litter(package_dir: Path) -> None:
    """Remove what setuptools left: a second copy of the weights, which a later build would take in."""
    shutil.rmtree(package_dir / "build", ignore_errors=True)
    for path in package_dir.glob("*.egg-info"):
        shutil.rmtree(path)
