"""A training config as `spacy train` will read it, with the pipeline that it describes, still without weights."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spacy import util
from spacy.language import Language
from spacy.schemas import ConfigSchemaTraining
from spacy.util import load_model_from_config, registry, resolve_dot_names
from thinc.api import Config

from spacy_llama_ner.doctor.sample import LABELS, save_sample

if TYPE_CHECKING:
    from spacy_llama_ner.pipeline.component import LlamaCrfNer
    from spacy_llama_ner.pipeline.shim import NetworkShim


@dataclass(frozen=True, slots=True)
class Plan:
    """What is going to be trained.

    config (Config): Not interpolated; its training corpus exists.
    nlp (Language): Without weights.
    component (LlamaCrfNer): The one of ours in it.
    training (dict): The block `[training]`, resolved.
    sampled (bool): Whether the training corpus was not there and invented sentences stand in for it.
    """

    config: Config
    nlp: Language
    component: "LlamaCrfNer"
    training: dict[str, Any]
    sampled: bool

    @property
    def shim(self) -> "NetworkShim":
        """All settings of the network."""
        return self.component.shim

    @property
    def source(self) -> str | None:
        """Where the corpus comes from: `[paths] source`."""
        return self.nlp.config.interpolate()["paths"].get("source")

    @property
    def source_revision(self) -> str | None:
        """The data set's revision: `[paths] source_revision`."""
        return self.nlp.config.interpolate()["paths"].get("source_revision")

    @property
    def labels(self) -> list[str]:
        """Those that the config fixes; else some, for there will be some."""
        return _labels(self.nlp, self.component.name)

    def reader(self, which: str) -> Callable:
        """RETURNS (Callable): The reader of "train_corpus" or "dev_corpus"."""
        (found,) = resolve_dot_names(self.nlp.config.interpolate(), [self.training[which]])
        return found

    def has_corpus(self, which: str) -> bool:
        """RETURNS (bool): Whether the file of "train_corpus" or "dev_corpus" is there."""
        return _exists(self.nlp.config.interpolate(), self.training[which])


def read_plan(path: Path, *, corpus: Path | None, work: Path) -> Plan:
    """Read a config.

    path (Path): The config.
    corpus (Optional[Path]): A `.spacy` file to take for the training corpus.
    work (Path): A folder for invented sentences where there is no training corpus.
    RETURNS (Plan): What it describes.
    RAISES (ValueError): If it is no config, wrong, or has no or several components of ours.
    RAISES (FileNotFoundError): If the config or the given corpus is not there.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no config {path}; --config names one, --profile one of configs/*.cfg")
    if corpus is not None and not corpus.is_file():
        raise FileNotFoundError(f"no corpus {corpus}: expected a .spacy file, as `convert` writes it")
    config = util.load_config(path, interpolate=False)
    nlp, component, training = _build(config)
    train = training["train_corpus"]
    sampled = corpus is None and not _exists(nlp.config.interpolate(), train)
    if sampled:
        corpus = save_sample(work / "sample.spacy", _labels(nlp, component.name))
    if corpus is not None:
        config = util.load_config(path, overrides={f"{train}.path": str(corpus)}, interpolate=False)
        nlp, component, training = _build(config)
    return Plan(config, nlp, component, training, sampled)


def _build(config: Config) -> "tuple[Language, LlamaCrfNer, dict[str, Any]]":
    from spacy_llama_ner.pipeline.component import LlamaCrfNer

    nlp = load_model_from_config(config, auto_fill=True)
    found = [pipe for _, pipe in nlp.pipeline if isinstance(pipe, LlamaCrfNer)]
    if len(found) != 1:
        raise ValueError(
            f"the config has {len(found)} components llama_crf_ner; expected one in [nlp] pipeline"
        )
    training = registry.resolve(nlp.config.interpolate()["training"], schema=ConfigSchemaTraining)
    return nlp, found[0], training


def _exists(config: Config, corpus: str) -> bool:
    """RETURNS (bool): Whether a corpus that is read from a file has one; others are taken at their word."""
    block: Any = config
    for part in corpus.split("."):
        block = block[part]
    path = block.get("path", "")
    return path == "" or (path is not None and Path(path).exists())


def _labels(nlp: Language, name: str) -> list[str]:
    """RETURNS (List[str]): Those that the config fixes; else some."""
    block = nlp.config.interpolate()["initialize"]["components"].get(name, {})
    labels = block.get("labels")
    return list(labels) if isinstance(labels, list) and labels else list(LABELS)
