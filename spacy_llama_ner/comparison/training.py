"""Train a config with `spacy train` in a process of its own, once: a finished run with equal inputs is found again."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from thinc.api import Config

from spacy_llama_ner.pretraining.once import digest_files
from spacy_llama_ner.replacement import write_whole

RESULT = "training.json"
LOG = "log.jsonl"
OUTPUT = "output.txt"


def digest_training(config: Config, inputs: Sequence[Path]) -> str:
    """Digest what a training depends on.

    config (Config): As it will be trained, not interpolated.
    inputs (Sequence[Path]): Files whose content matters: corpora, weights, a tokenizer.
    RETURNS (str): SHA-256 in hex.
    """
    return hashlib.sha256("".join([config.to_str(), *digest_files(inputs)]).encode()).hexdigest()


def train_once(
    config: Config, folder: Path, inputs: Sequence[Path], *, gpu_id: int = -1, one_thread: bool = False
) -> dict[str, Any]:
    """Train, unless the folder holds the finished training of the same config on the same inputs.

    config (Config): As for `train`.
    folder (Path): Gets `model-best` and what `train` leaves. What another or unfinished training left is deleted.
    inputs (Sequence[Path]): As for `digest_training`.
    gpu_id (int): GPU, or -1 for the CPU. Not part of the digest.
    one_thread (bool): Let the training use one thread.
    RETURNS (dict): As `train`, `inputs` (the digest) and `reused` (whether it was found).
    RAISES (ValueError): If the training fails.
    """

    def run(folder: Path) -> dict[str, Any]:
        result = train(config, folder, gpu_id=gpu_id, one_thread=one_thread, save=True)
        shutil.rmtree(folder / "model-last")  # nothing reads it, and it may hold a whole backbone
        return result

    return run_once(run, folder, digest_training(config, inputs))


def run_once(run: Callable[[Path], dict[str, Any]], folder: Path, inputs: str) -> dict[str, Any]:
    """Run what fills a folder, unless it was finished there with the same inputs.

    run (Callable): Fills the empty folder and returns what is to be kept of it, as JSON has it.
    folder (Path): What an unfinished or other run left there is deleted. Its `training.json` is written last.
    inputs (str): A digest of all that the run depends on.
    RETURNS (dict): What it returned, `inputs`, and `reused` (whether it was found).
    """
    file = folder / RESULT
    if file.is_file():
        found = json.loads(file.read_text(encoding="utf8"))
        if found["inputs"] == inputs:
            return {**found, "reused": True}
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    result = {**run(folder), "inputs": inputs}
    write_whole(file, json.dumps(result, indent=1).encode())
    return {**result, "reused": False}


def train(
    config: Config, folder: Path, *, gpu_id: int = -1, one_thread: bool = False, save: bool = False
) -> dict[str, Any]:
    """Run `spacy train` to its end.

    config (Config): Not interpolated. Its logger is replaced by `spacy_llama_ner.JsonLinesLogger.v1`.
    folder (Path): Gets `config.cfg` as it was trained, `log.jsonl`, `output.txt` and, with `save`, `model-best` and
        `model-last`.
    gpu_id (int): GPU, or -1 for the CPU.
    one_thread (bool): Let the process use one thread.
    save (bool): Save the pipeline.
    RETURNS (dict): `seconds` of the whole process; `curve`: step and score of each evaluation; `score`, `step`: the
        best of them, the first of several.
    RAISES (ValueError): If it fails; the message names the file with its output.
    """
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / LOG
    config = config.copy()
    logger = {"@loggers": "spacy_llama_ner.JsonLinesLogger.v1", "path": str(log), "progress_bar": None}
    config["training"]["logger"] = logger
    config.to_disk(folder / "config.cfg", interpolate=False)
    command = [sys.executable, "-m", "spacy", "train", str(folder / "config.cfg"), "--gpu-id", str(gpu_id)]
    if save:
        command += ["--output", str(folder)]
    environment = os.environ | ({"OMP_NUM_THREADS": "1"} if one_thread else {})
    start = time.perf_counter()
    with (folder / OUTPUT).open("w") as file:
        done = subprocess.run(command, stdout=file, stderr=file, env=environment)
    if done.returncode:
        raise ValueError(
            f"spacy train failed in {folder}. See {folder / OUTPUT}: {_last_line(folder / OUTPUT)}"
        )
    seconds = time.perf_counter() - start
    evaluations = read_evaluations(log)
    best = max(evaluations, key=lambda line: line["score"])
    return {
        "seconds": seconds,
        "score": best["score"],
        "step": best["step"],
        "curve": [[line["step"], line["score"]] for line in evaluations],
    }


def read_evaluations(log: Path) -> list[dict[str, Any]]:
    """Read the evaluations of a training's log.

    log (Path): A file that `spacy_llama_ner.JsonLinesLogger.v1` wrote.
    RETURNS (list[dict]): One a line: `step`, `score`, `seconds` since the start, and others.
    """
    lines = [json.loads(line) for line in log.read_text(encoding="utf8").splitlines()]
    return [line for line in lines if "score" in line]


def _last_line(file: Path) -> str:
    lines = [line.strip() for line in file.read_text(encoding="utf8", errors="replace").splitlines()]
    return next((line for line in reversed(lines) if line), "it is empty")
