"""A training logger: spaCy's table on the terminal, and every term of every step in a JSON-lines file."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from spacy.language import Language
from spacy.training.loggers import console_logger_v3

from spacy_llama_ner.pipeline.memory import peak_memory, reset_peak

LogStep = Callable[[dict[str, Any] | None], None]


def json_lines_logger(
    path: str, progress_bar: str | None = None
) -> Callable[[Language, IO, IO], tuple[LogStep, Callable[[], None]]]:
    """Log each step's loss terms and each evaluation's scores, one JSON object a line.

    Registered as `spacy_llama_ner.JsonLinesLogger.v1` in `loggers`. A line of a step has `step` and, per
    component, the means over the step's known words `loss`, `cross_entropy`, `crf` and `label_smoothing` (in
    nats), and `words`, `grad_norm` (before clipping) and `learn_rate`. A line of an evaluation has `step`,
    `epoch`, `score`, `scores`, `seconds` and `peak_memory` so far, in megabytes (see `memory`), which is also said
    at the end. A second run replaces the file.

    path (str): The file; its folder is created.
    progress_bar (Optional[str]): "train", "eval" or null, as in `spacy.ConsoleLogger.v3`.
    RETURNS (Callable): The logger that `spacy train` sets up.
    """

    def setup_logger(
        nlp: Language, stdout: IO = sys.stdout, stderr: IO = sys.stderr
    ) -> tuple[LogStep, Callable[[], None]]:
        log_table, finish_table = console_logger_v3(progress_bar=progress_bar)(nlp, stdout, stderr)
        file_path = Path(path)
        file_path.parent.mkdir(parents=True, exist_ok=True)
        file = file_path.open("w", encoding="utf8")
        reset_peak()
        step = 0

        def write(data: dict[str, Any]) -> None:
            file.write(json.dumps(data) + "\n")
            file.flush()

        def log_step(info: dict[str, Any] | None) -> None:
            nonlocal step
            terms = {name: getattr(component, "last_step", None) for name, component in nlp.pipeline}
            terms = {name: last_step for name, last_step in terms.items() if last_step}
            write({"step": step, **terms})
            if info is not None:
                scores = {name: value for name, value in info["other_scores"].items() if value is not None}
                evaluation = {name: info[name] for name in ("step", "epoch", "score", "seconds", "words")}
                write({**evaluation, "scores": scores, "peak_memory": peak_memory()})
            step += 1
            log_table(info)

        def finish() -> None:
            file.close()
            finish_table()
            peaks = [f"{size / 1000:.2f} GB {kind.upper()}" for kind, size in peak_memory().items()]
            if peaks:
                print(f"Peak memory: {', '.join(peaks)}", file=stdout)

        return log_step, finish

    return setup_logger
