"""What the project's own files say: its corpus, its backbone, its settings, and what was measured for it."""

import json
import re
import statistics
from collections import defaultdict
from pathlib import Path
from typing import Any

from spacy.util import load_config

from spacy_llama_ner.corpus.article import CorpusCounts
from spacy_llama_ner.corpus.source import read_source

PROFILES = ("mini", "llama-3.2-1b")
SPLITS = ("train", "dev", "test")
PRETRAINING = "benchmarks/pretraining/results.json"
_COMPONENT = "components.llama_crf_ner"
# Name in the table, key in the config.
_SETTINGS = (
    ("backbone", f"{_COMPONENT}.model.backbone.name"),
    ("its number type", f"{_COMPONENT}.model.backbone.dtype"),
    ("backbone frozen", f"{_COMPONENT}.model.freeze_backbone"),
    ("attention", f"{_COMPONENT}.model.attention"),
    ("state of a word", f"{_COMPONENT}.model.pooling"),
    ("CRF", f"{_COMPONENT}.model.use_crf"),
    ("adapters", f"{_COMPONENT}.model.peft"),
    ("in the layers", f"{_COMPONENT}.model.lora_target_modules"),
    ("rank", f"{_COMPONENT}.model.lora_rank"),
    ("alpha", f"{_COMPONENT}.model.lora_alpha"),
    ("window, tokens", f"{_COMPONENT}.model.get_spans.window"),
    ("stride, tokens", f"{_COMPONENT}.model.get_spans.stride"),
    ("weight of cross-entropy", f"{_COMPONENT}.compound_loss.cross_entropy_weight"),
    ("weight of the CRF", f"{_COMPONENT}.compound_loss.crf_weight"),
    ("weight of label smoothing", f"{_COMPONENT}.compound_loss.label_smoothing_weight"),
    ("smoothing", f"{_COMPONENT}.compound_loss.smoothing"),
    ("learning rate", "training.optimizer.learn_rate"),
    ("dropout of the head", "training.dropout"),
    ("sentences in a batch", "training.batcher.size"),
    ("epochs", "training.max_epochs"),
    ("seed", "system.seed"),
)


def list_settings(project: Path) -> list[tuple[str, ...]]:
    """List the settings of both profiles.

    project (Path): The project's folder.
    RETURNS (list[tuple[str, ...]]): Name, and value in each of `PROFILES`.
    """
    configs = [load_config(project / "configs" / f"{profile}.cfg").interpolate() for profile in PROFILES]
    return [(name, *(_setting(config, key) for config in configs)) for name, key in _SETTINGS]


def count_corpus(project: Path) -> dict[str, CorpusCounts]:
    """Count what the project's own corpus holds.

    project (Path): The project's folder.
    RETURNS (dict[str, CorpusCounts]): Counts of each of `SPLITS`.
    """
    source = str(project / "assets" / "mini-news")
    return {split: read_source(source, split=split).count() for split in SPLITS}


def describe_backbone(project: Path) -> dict[str, Any]:
    """Say what the project's own backbone is and how it was pretrained.

    project (Path): The project's folder.
    RETURNS (dict): What `pretrain` wrote beside it, and under `config` its transformers config.
    """
    folder = project / "assets" / "llama-mini"
    return {**_read(folder / "pretraining.json"), "config": _read(folder / "config.json")}


class Pretraining:
    """Dev F1 with and without pretraining, by what else was set; see benchmarks/pretraining/run.py."""

    def __init__(self, results: dict[str, Any]):
        """results (dict): By keys such as "worth/mini-news/pretrained, all weights, causal/0"."""
        self._scores: dict[tuple[str, ...], list[float]] = defaultdict(list)
        self._epochs: dict[str, int] = {}
        for key, run in results.items():
            if found := re.fullmatch(r"worth/([^/]+)/([^,/]+), ([^,/]+), ([^,/]+)/\d+", key):
                self._scores[found.groups()].append(run["f1"])
                self._epochs[found.group(1)] = run["overrides"]["training.max_epochs"]

    @property
    def corpora(self) -> list[str]:
        """Names of the corpora."""
        return sorted(self._epochs)

    @property
    def seeds(self) -> int:
        """The most seeds of a setting."""
        return max(map(len, self._scores.values()), default=0)

    def f1(self, corpus: str, weights: str, trained: str, attention: str) -> float | None:
        """RETURNS (float | None): Dev F1 from 0 to 1, mean over seeds; None if it was not measured."""
        scores = self._scores.get((corpus, weights, trained, attention))
        return statistics.mean(scores) if scores else None

    def epochs(self, corpus: str) -> int:
        """RETURNS (int): How many epochs were trained."""
        return self._epochs[corpus]

    def rows(self) -> list[tuple[str, str, str, list[float | None]]]:
        """RETURNS (list[tuple]): Weights, what was trained, attention, and dev F1 on each of `corpora`."""
        settings = sorted({(weights, trained, attention) for _, weights, trained, attention in self._scores})
        return [(*setting, [self.f1(corpus, *setting) for corpus in self.corpora]) for setting in settings]


def read_pretraining(project: Path) -> Pretraining:
    """RETURNS (Pretraining): What benchmarks/pretraining/results.json of a project's folder holds."""
    return Pretraining(_read(project / PRETRAINING))


def _setting(config: dict[str, Any], key: str) -> str:
    value: Any = config
    for name in key.split("."):
        value = value[name]
    if isinstance(value, dict):  # a schedule
        return ", ".join(
            [value["@schedules"], *(f"{k} {v}" for k, v in value.items() if not k.startswith("@"))]
        )
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def _read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf8"))
