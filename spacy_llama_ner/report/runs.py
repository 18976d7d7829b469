"""Read runs whose figures were kept for good, and make the small files that are kept."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from spacy_llama_ner.report.curves import read_curves
from spacy_llama_ner.report.sources import EVALUATION, PARTS, Part, Sources

LOG = "log.jsonl"
_CURVES = ("bins", "bins_equal_mass", "precision_coverage")  # what plots need and no table shows


def read_run(folder: Path) -> Sources | None:
    """Read a folder of figures. Other than for the page, errors may come without their list.

    folder (Path): It holds `test.json` and any of the other parts, and the training log or its evaluations,
        `log.jsonl`.
    RETURNS (Sources | None): What was there; None without `test.json`.
    RAISES (ValueError): If a file is not what the command behind it writes.
    """
    parts = _read_parts(folder)
    evaluation = parts.pop("evaluation", None)
    if evaluation is None:
        return None
    log = folder / LOG
    try:
        curves = read_curves(log) if log.is_file() else None
    except (ValueError, KeyError, TypeError) as e:
        raise ValueError(f"{log} is not a training log of JsonLinesLogger.v1 ({e}).") from e
    return Sources(folder, evaluation, **parts, curves=curves)


def condense(folder: Path, *, examples: int, log: Path | None = None) -> dict[str, str]:
    """Make small files of a folder of metrics: what tables and sentences need, without lists and curves.

    folder (Path): See `read_run`.
    examples (int): How many examples of each kind of error to keep; they quote the corpus. With 0, nothing does.
    log (Path | None): The training log, of which the evaluations are kept.
    RETURNS (dict[str, str]): Texts by the name of the file.
    RAISES (FileNotFoundError): If there is no `test.json`.
    RAISES (ValueError): If a file is not what the command behind it writes.
    """
    parts = _read_parts(folder)
    if "evaluation" not in parts:
        raise FileNotFoundError(
            f"No {EVALUATION.file} in {folder}: make it with `{_command(EVALUATION, folder)}`."
        )
    shortened: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
        "errors": lambda errors: _without_items(errors, examples),
        "calibration": _without_curves,
    }
    files = {
        _part(name).file: json.dumps(shortened.get(name, dict)(content), indent=1, ensure_ascii=False) + "\n"
        for name, content in parts.items()
    }
    if log is not None:
        lines = log.read_text(encoding="utf8").splitlines(keepends=True)
        files[LOG] = "".join(line for line in lines if "scores" in json.loads(line))
    return files


def _without_items(errors: dict[str, Any], examples: int) -> dict[str, Any]:
    confusions = [{**row, "examples": row["examples"][:examples]} for row in errors["confusions"]]
    advice = [{key: value for key, value in found.items() if key != "items"} for found in errors["advice"]]
    kept = {key: value for key, value in errors.items() if key != "items"}
    return {**kept, "confusions": confusions, "advice": advice}


def _without_curves(calibration: dict[str, Any]) -> dict[str, Any]:
    """Leave the curves out of each corpus, before and after."""
    return {
        name: value
        if not isinstance(value, dict)
        else {
            when: {key: number for key, number in measured.items() if key not in _CURVES}
            for when, measured in value.items()
        }
        for name, value in calibration.items()
    }


def _read_parts(folder: Path) -> dict[str, dict[str, Any]]:
    names = ("evaluation", *PARTS)
    return {name: _read(folder, _part(name)) for name in names if (folder / _part(name).file).is_file()}


def _read(folder: Path, part: Part) -> dict[str, Any]:
    path = folder / part.file
    try:
        content = json.loads(path.read_text(encoding="utf8"))
        lacking = [key for key in part.keys if key != "items" and key not in content]
        if lacking:
            raise ValueError(f"it has no {', '.join(lacking)}")
    except (ValueError, TypeError) as e:
        raise ValueError(
            f"{path} is not readable ({e}): make it anew with `{_command(part, folder)}`."
        ) from e
    return content


def _part(name: str) -> Part:
    return EVALUATION if name == "evaluation" else PARTS[name]


def _command(part: Part, folder: Path) -> str:
    return f"python -m spacy_llama_ner {part.command} {folder / part.file}"
