"""The systems that `compare` can train, by name."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spacy.tokens import Doc
from spacy.util import load_config
from thinc.api import Config

from spacy_llama_ner.comparison import configs
from spacy_llama_ner.comparison.lookup import train_lookup
from spacy_llama_ner.comparison.training import run_once, train_once
from spacy_llama_ner.pretraining.once import digest_files

SYSTEMS = {
    "lookup": "names that have one label in the training data, longest first (CoNLL-2003's baseline)",
    "spacy_cnn": f"spaCy's tok2vec + ner without vectors, {configs.CNN_EPOCHS} epochs: quick, not its best",
    "bert_ner": f"spaCy's transformer + ner, all weights, {configs.BERT_EPOCHS} epochs",
    "bert_crf": f"the same backbone in llama_crf_ner, all weights, {configs.BERT_EPOCHS} epochs",
    "llama_crf_ner": "the config given, trained here",
}
QUICK = ("lookup", "spacy_cnn")


@dataclass(frozen=True)
class Split:
    """The corpora of a comparison, `.spacy` files."""

    train: Path
    dev: Path
    test: Path


@dataclass(frozen=True)
class TrainingSettings:
    """What the systems that are trained here have in common, or need.

    bert (str): Folder or hub name of the backbone of `bert_ner` and `bert_crf`.
    learning_rate (float): Of these two.
    own_config (Path | None): Config of `llama_crf_ner`.
    seed (int): Of every training.
    gpu_id (int): GPU, or -1 for the CPU.
    """

    bert: str
    learning_rate: float
    own_config: Path | None
    seed: int
    gpu_id: int


def describe_system(name: str, settings: TrainingSettings) -> str:
    """Say what a system is, with the encoder where it has one.

    name (str): One of SYSTEMS.
    settings (TrainingSettings): See there.
    RETURNS (str): Of a folder, the last two parts of its path alone.
    """
    if not name.startswith("bert"):
        return SYSTEMS[name]
    encoder = "/".join(Path(settings.bert).parts[-2:])
    return f"{SYSTEMS[name]}; {encoder}, learning rate {settings.learning_rate:g}"


def train_system(
    name: str, folder: Path, *, split: Split, docs: Sequence[Doc], settings: TrainingSettings
) -> dict[str, Any]:
    """Train one of SYSTEMS, or find it trained.

    name (str): One of SYSTEMS.
    folder (Path): Gets `model-best` and notes on the training.
    split (Split): The corpora.
    docs (Sequence[Doc]): Those of `split.train`.
    settings (TrainingSettings): See there.
    RETURNS (dict): `seconds` and `reused`, with more from `train_once`.
    RAISES (ValueError): If the training fails.
    """
    if name == "lookup":
        return run_once(lambda folder: _train_lookup(folder, docs), folder, digest_files([split.train])[0])
    config, inputs = _config(name, split, docs, settings)
    return train_once(config, folder, [split.train, split.dev, *inputs], gpu_id=settings.gpu_id)


def check_systems(names: Sequence[str], settings: TrainingSettings) -> None:
    """Refuse what cannot be trained, before anything is.

    names (Sequence[str]): As a user gave them.
    settings (TrainingSettings): See there.
    RAISES (ValueError): If a name is unknown, or a config is needed and missing or has no component of ours.
    """
    if unknown := [name for name in names if name not in SYSTEMS]:
        raise ValueError(f"No system {', '.join(unknown)}. Expected some of {', '.join(SYSTEMS)}.")
    if "llama_crf_ner" in names and settings.own_config is None:
        raise ValueError("The system llama_crf_ner needs --config, such as --config configs/mini.cfg.")
    if settings.own_config is not None and not settings.own_config.is_file():
        raise ValueError(f"No config at {settings.own_config}.")
    if settings.own_config is not None:
        configs.find_component(load_config(settings.own_config, interpolate=False), settings.own_config)


def _config(
    name: str, split: Split, docs: Sequence[Doc], settings: TrainingSettings
) -> tuple[Config, list[Path]]:
    """RETURNS (tuple[Config, list[Path]]): The config, and the files of a backbone."""
    common: dict[str, Any] = {"train": split.train, "dev": split.dev, "seed": settings.seed}
    if name == "spacy_cnn":
        return configs.spacy_cnn(docs, **common), []
    if name == "llama_crf_ner":
        if settings.own_config is None:
            raise ValueError("The system llama_crf_ner needs a config.")
        config = configs.own_config(settings.own_config, **common)
        component = configs.find_component(config, settings.own_config)
        return config, configs.backbone_files(configs.backbone_name(config, component))
    make = configs.bert_ner if name == "bert_ner" else configs.bert_crf
    config = make(docs, backbone=settings.bert, learning_rate=settings.learning_rate, **common)
    return config, configs.backbone_files(settings.bert)


def _train_lookup(folder: Path, docs: Sequence[Doc]) -> dict[str, Any]:
    start = time.perf_counter()
    nlp = train_lookup(docs)
    seconds = time.perf_counter() - start
    nlp.to_disk(folder / "model-best")
    return {"seconds": seconds}
