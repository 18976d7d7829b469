"""Install a pipeline's wheel where nothing else is, and compare what it predicts with what it did before."""

import json
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import spacy

from spacy_llama_ner.release import entities as entities_module
from spacy_llama_ner.release.environment import Dependencies, clean_variables, create_environment
from spacy_llama_ner.release.errors import ReleaseError
from spacy_llama_ner.release.wheel import last_lines

Entities = list[list[dict[str, Any]]]


def smoke_test(
    pipeline_wheel: Path,
    project_wheel: Path,
    *,
    reference: Path,
    texts: list[str],
    constraints: Path | None = None,
    dependencies: Dependencies = Dependencies.auto,
    tolerance: float = 1e-4,
    time_limit: float = 600,
) -> dict[str, Any]:
    """Load a pipeline from its wheel in a new environment, offline, and compare its entities and scores.

    pipeline_wheel (Path): The packaged pipeline.
    project_wheel (Path): The wheel of `spacy_llama_ner`.
    reference (Path): The folder of the pipeline that was packaged.
    texts (list[str]): Texts to compare on.
    constraints (Path | None): A pip constraints file.
    dependencies (Dependencies): See `create_environment`.
    tolerance (float): Largest difference of two scores, probabilities from 0 to 1.
    time_limit (float): Seconds that pip, and then the check, may take.
    RETURNS (dict): `mode`, `pipeline`, `texts`, `entities` (their count), `max_score_difference` (None if no
        entity has a score), `tolerance`, `seconds` (install; check, of that load and predict; total) and `found`,
        each text's entities.
    RAISES (FileNotFoundError): If a file is missing.
    RAISES (ReleaseError): If installing or loading fails, if code was loaded from outside the new
        environment, or if entities or scores differ.
    """
    start = time.perf_counter()
    expected = entities_module.entities(spacy.load(reference), texts)
    package = pipeline_wheel.name.split("-")[0]
    with tempfile.TemporaryDirectory(prefix="smoke-") as name:
        folder = Path(name).resolve()
        begun = time.perf_counter()
        python, mode = create_environment(
            folder / "venv",
            [pipeline_wheel, project_wheel],
            constraints=constraints,
            dependencies=dependencies,
            time_limit=time_limit,
        )
        installed = time.perf_counter()
        result = _run_check(python, package, texts, folder=folder, time_limit=time_limit)
        checked = time.perf_counter()
        _check_origin(result["modules"], folder / "venv", mode)
    difference = compare(expected, result["entities"], tolerance=tolerance)
    return {
        "mode": str(mode),
        "pipeline": package,
        "texts": len(texts),
        "entities": sum(len(found) for found in expected),
        "max_score_difference": difference,
        "tolerance": tolerance,
        "seconds": {
            "install": installed - begun,
            "check": checked - installed,
            "load": result["load_seconds"],
            "predict": result["predict_seconds"],
            "total": time.perf_counter() - start,
        },
        "found": result["entities"],
    }


def compare(expected: Entities, got: Entities, *, tolerance: float) -> float | None:
    """Compare the entities of the same texts from two places.

    expected (list[list[dict]]): What `entities` returned before packaging, one list a text.
    got (list[list[dict]]): The same from the installed package.
    tolerance (float): Largest difference of two scores.
    RETURNS (float | None): The largest difference found; None if no entity has a score.
    RAISES (ReleaseError): If an entity is missing, is new or has another label, if only one of two has a
        score, or if scores differ by more than the tolerance.
    """
    if len(expected) != len(got):
        raise ReleaseError(f"The installed pipeline answered {len(got)} texts, expected {len(expected)}.")
    largest: float | None = None
    for number, (before, after) in enumerate(zip(expected, got, strict=True), start=1):
        if [_place(ent) for ent in before] != [_place(ent) for ent in after]:
            raise ReleaseError(
                f"The installed pipeline finds other entities in text {number}: expected {_list(before)}, "
                f"got {_list(after)}."
            )
        for old, new in zip(before, after, strict=True):
            if old["score"] is None and new["score"] is None:
                continue
            if old["score"] is None or new["score"] is None:
                raise ReleaseError(
                    f"Only one of two pipelines gives {old['text']!r} in text {number} a score: expected "
                    f"{old['score']}, got {new['score']}."
                )
            difference = abs(old["score"] - new["score"])
            if not difference <= tolerance:  # so that NaN fails
                raise ReleaseError(
                    f"The score of {old['text']!r} in text {number} differs by {difference:.2g}, more than "
                    f"{tolerance:g}: expected {old['score']:.6f}, got {new['score']:.6f}."
                )
            largest = max(difference, largest or 0.0)
    return largest


def _run_check(
    python: Path, package: str, texts: list[str], *, folder: Path, time_limit: float
) -> dict[str, Any]:
    work_dir = folder / "work"
    work_dir.mkdir()
    script = Path(shutil.copy(entities_module.__file__, work_dir / "check.py"))
    (work_dir / "texts.json").write_text(json.dumps(texts), encoding="utf8")
    variables = {**clean_variables(), "HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
    try:
        done = subprocess.run(
            [str(python), "-I", str(script), package, "texts.json", "result.json"],
            cwd=work_dir,
            env=variables,
            capture_output=True,
            text=True,
            timeout=time_limit,
            check=False,
        )
    except subprocess.TimeoutExpired as e:
        raise ReleaseError(f"The installed pipeline took longer than {time_limit:.0f} seconds.") from e
    if done.returncode:
        raise ReleaseError(f"{package} does not run in the new environment:\n{last_lines(done)}")
    return json.loads((work_dir / "result.json").read_text(encoding="utf8"))


def _check_origin(modules: dict[str, str], environment: Path, mode: Dependencies) -> None:
    """Check that the code came from the wheels, not from a checkout or from a shared environment."""
    for name, file in modules.items():
        shared = name == "spacy" and mode == Dependencies.share
        if not shared and not Path(file).resolve().is_relative_to(environment):
            raise ReleaseError(
                f"{name} was loaded from {file}, expected it in the new environment {environment}."
            )


def _place(ent: dict[str, Any]) -> tuple[int, int, str]:
    return ent["start"], ent["end"], ent["label"]


def _list(ents: list[dict[str, Any]]) -> str:
    return ", ".join(f"{ent['text']!r} ({ent['label']})" for ent in ents) or "none"
