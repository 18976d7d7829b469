"""Read what the other commands wrote into a folder: the parts of a report."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from spacy_llama_ner.report.curves import LearningCurves, read_curves

T = TypeVar("T")


@dataclass(frozen=True)
class Part:
    """A file of a report.

    file (str): Its name in the folder.
    command (str): What makes it.
    keys (tuple[str, ...]): What its JSON object has at least.
    """

    file: str
    command: str
    keys: tuple[str, ...]


EVALUATION = Part("test.json", "evaluate MODEL CORPUS --train TRAIN --output", ("counts", "seqeval"))
PARTS = {
    "errors": Part(
        "errors.json", "analyze MODEL CORPUS --train TRAIN --output", ("counts", "errors", "items")
    ),
    "calibration": Part(
        "calibration.json", "calibrate MODEL DEV OUTPUT --test TEST --report", ("temperature",)
    ),
    "comparison": Part("compare.json", "compare --train TRAIN --dev DEV --test TEST --output", ("systems",)),
    "ablation": Part("ablate.json", "ablate CONFIG --train TRAIN --dev DEV --output", ("cells",)),
}


@dataclass(frozen=True)
class Sources:
    """What a report is made from; what is None was not there.

    folder (Path): Where the parts were looked for.
    evaluation (dict): From `evaluate`.
    errors (dict | None): From `analyze`.
    calibration (dict | None): From `calibrate`.
    comparison (dict | None): From `compare`.
    ablation (dict | None): From `ablate`.
    curves (LearningCurves | None): From the training log.
    """

    folder: Path
    evaluation: dict[str, Any]
    errors: dict[str, Any] | None = None
    calibration: dict[str, Any] | None = None
    comparison: dict[str, Any] | None = None
    ablation: dict[str, Any] | None = None
    curves: LearningCurves | None = None

    @property
    def missing(self) -> dict[str, str]:
        """The command that makes each part that was not there, by the part's name."""
        return {
            name: f"python -m spacy_llama_ner {part.command} {self.folder / part.file}"
            for name, part in PARTS.items()
            if getattr(self, name) is None
        }

    @property
    def differences(self) -> list[str]:
        """Where a part is of another pipeline or corpus than the evaluation, a sentence each."""
        model, corpus = self.evaluation.get("model"), self.evaluation.get("corpus")
        pairs = [
            ("errors", "pipeline", (self.errors or {}).get("model"), model),
            ("errors", "corpus", (self.errors or {}).get("corpus"), corpus),
            ("calibration", "test corpus", (self.calibration or {}).get("test_corpus"), corpus),
            ("comparison", "test corpus", (self.comparison or {}).get("corpus", {}).get("test"), corpus),
        ]
        return [
            f"{PARTS[part].file} is of the {what} {found}, {EVALUATION.file} of {expected}: they may not belong "
            "together."
            for part, what, found, expected in pairs
            if None not in (found, expected) and found != expected
        ]


def read_sources(folder: Path, *, log: Path | None = None) -> Sources:
    """Read a folder of metrics, such as `metrics/mini`.

    folder (Path): It holds `test.json` and any of the files in `PARTS`.
    log (Path | None): The training log of `spacy_llama_ner.JsonLinesLogger.v1`.
    RETURNS (Sources): What was there.
    RAISES (FileNotFoundError): If `test.json` or the log is not there.
    RAISES (ValueError): If a file is not what the command behind it writes.
    """
    if not (folder / EVALUATION.file).is_file():
        raise FileNotFoundError(
            f"No {EVALUATION.file} in {folder}: make it with `python -m spacy_llama_ner {EVALUATION.command} "
            f"{folder / EVALUATION.file}`."
        )
    if log is not None and not log.is_file():
        raise FileNotFoundError(
            f"No training log at {log}: expected the file that [training.logger] path of the config names, or no --log."
        )
    parts = {name: _read(folder, part) for name, part in PARTS.items() if (folder / part.file).is_file()}
    curves = None if log is None else _checked(log, "spacy train CONFIG", lambda: read_curves(log))
    return Sources(folder, _read(folder, EVALUATION), **parts, curves=curves)


def _read(folder: Path, part: Part) -> dict[str, Any]:
    path = folder / part.file

    def read() -> dict[str, Any]:
        content = json.loads(path.read_text(encoding="utf8"))
        if lacking := [key for key in part.keys if key not in content]:
            raise ValueError(f"it has no {', '.join(lacking)}")
        return content

    return _checked(path, f"python -m spacy_llama_ner {part.command} {path}", read)


def _checked(path: Path, command: str, read: Callable[[], T]) -> T:
    try:
        return read()
    except (ValueError, KeyError, TypeError) as e:
        raise ValueError(f"{path} is not readable ({e}): make it anew with `{command}`.") from e
