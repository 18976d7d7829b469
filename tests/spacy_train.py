"""Real trainings by `spacy train` with the shipped config, on a tiny backbone and four invented sentences."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import spacy
from spacy.tokens import DocBin

ROOT = Path(__file__).parent.parent
CONFIG = ROOT / "configs" / "mini.cfg"
TEXTS = [
    ("Anna Kovac visited Berlin on Monday.", [(0, 10, "PER"), (19, 25, "LOC")]),
    ("Shares of Northgate Steel fell in London.", [(10, 25, "ORG"), (34, 40, "LOC")]),
    ("A Danish court heard Mr. Sato.", [(2, 8, "MISC"), (25, 29, "PER")]),
    ("It rained.", []),
]


def write_corpus(path: Path, *, copies: int = 4) -> Path:
    """Write the sentences, each several times, as a DocBin."""
    nlp = spacy.blank("en")
    corpus = DocBin()
    for text, entities in TEXTS * copies:
        doc = nlp.make_doc(text)
        doc.ents = [doc.char_span(start, end, label=label) for start, end, label in entities]
        corpus.add(doc)
    corpus.to_disk(path)
    return path


def overrides(folder: Path, backbone: Path, **settings: Any) -> dict[str, Any]:
    """Give the config's values for a short training; a setting's dots are written as `__`."""
    values = {
        "paths.train": str(folder / "corpus.spacy"),
        "paths.dev": str(folder / "corpus.spacy"),
        "paths.log": str(folder / "log.jsonl"),
        "components.llama_crf_ner.model.lora_rank": 4,
        "components.llama_crf_ner.model.backbone.name": str(backbone),
        "training.max_epochs": 0,
        "training.optimizer.learn_rate.warmup_steps": 1,
        "training.optimizer.learn_rate.initial_rate": 0.02,
    }
    return {**values, **{name.replace("__", "."): value for name, value in settings.items()}}


def command(output: Path, values: dict[str, Any]) -> list[str]:
    """Give the command line of such a training."""
    arguments = [
        part
        for name, value in values.items()
        for part in (f"--{name}", value if isinstance(value, str) else json.dumps(value))
    ]
    return [sys.executable, "-m", "spacy", "train", str(CONFIG), "--output", str(output), *arguments]


def environment(**variables: str) -> dict[str, str]:
    """Give the environment for a process that imports the package from this checkout."""
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    return {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", **variables}


def spacy_train(output: Path, values: dict[str, Any], *, timeout: float = 300) -> subprocess.CompletedProcess:
    """Run `spacy train` in a process of its own to its end."""
    return subprocess.run(
        command(output, values),
        env=environment(),
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
