"""The configs of the alternatives, from spaCy's own `init config`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from spacy.tokens import Doc
from spacy.util import load_config, registry
from thinc.api import Config

from spacy_llama_ner.comparison.schedule import docs_per_batch, linear_schedule, stepwise_schedule

COMPONENT = "llama_crf_ner"
CNN_EPOCHS = 5
# Usual for BERT. Source: Devlin et al. (2019), BERT, A.3: batches of 16 or 32, 2 to 4 epochs, learning rate up to 5e-5;
# github.com/google-research/bert, run_classifier.py: warm-up over 10% of the steps, then linear decay.
BERT_EPOCHS = 4
BERT_WARMUP = 10
# A new linear layer and CRF want more than a pretrained backbone bears; spaCy's side has no counterpart.
HEAD_RATE_SCALE = 10.0


def spacy_cnn(docs: Sequence[Doc], *, train: Path, dev: Path, seed: int) -> Config:
    """Make the config of spaCy's `tok2vec` + `ner`, as `spacy init config --optimize efficiency` gives it.

    Only the length of training differs: 5 epochs in place of up to 20,000 steps, so that it is quick; and it evaluates
    as often as that needs.

    docs (Sequence[Doc]): The training corpus.
    train, dev (Path): Corpora.
    seed (int): Of the training.
    RETURNS (Config): Not interpolated.
    """
    config = _init_config("efficiency", gpu=False)
    batcher = registry.resolve({"batcher": config["training"]["batcher"]})["batcher"]
    schedule = stepwise_schedule(docs, batcher, epochs=CNN_EPOCHS)
    return _override(_on(config, train=train, dev=dev, seed=seed), schedule)


def bert_ner(
    docs: Sequence[Doc], *, backbone: str, learning_rate: float, train: Path, dev: Path, seed: int
) -> Config:
    """Make the config of spaCy's `transformer` + `ner`, all weights trained.

    As `spacy init config --optimize accuracy --gpu` gives it, with a schedule that suits the corpus's size.

    docs (Sequence[Doc]): The training corpus.
    backbone (str): Folder or hub name of an encoder.
    learning_rate (float): The largest one.
    train, dev (Path): Corpora.
    seed (int): Of the training.
    RETURNS (Config): Not interpolated.
    """
    config = _init_config("accuracy", gpu=True)
    config["components"]["transformer"]["model"]["name"] = backbone
    config["nlp"]["batch_size"] = 256
    config["training"] |= {"accumulate_gradient": 1, "patience": 0, "max_steps": 0}
    config["training"]["batcher"] = {"@batchers": "spacy.batch_by_sequence.v1", "size": 1, "get_length": None}
    batch = docs_per_batch(docs)
    schedule = linear_schedule(
        len(docs), batch=batch, epochs=BERT_EPOCHS, rate=learning_rate, warmup=BERT_WARMUP
    )
    return _override(_on(config, train=train, dev=dev, seed=seed), schedule)


def bert_crf(docs: Sequence[Doc], *, backbone: str, **settings: Any) -> Config:
    """Make the config of the same backbone in `llama_crf_ner`, all weights trained.

    It is the config of `bert_ner` with other components: batches, epochs and schedule are equal.

    docs (Sequence[Doc]): The training corpus.
    backbone (str): Folder or hub name of an encoder.
    settings (Any): As for `bert_ner`.
    RETURNS (Config): Not interpolated.
    """
    config = bert_ner(docs, backbone=backbone, **settings)
    spans = config["components"]["transformer"]["model"]["get_spans"]
    config["nlp"]["pipeline"] = [COMPONENT]
    config["components"] = {
        COMPONENT: {
            "factory": "llama_crf_ner",
            "model": {
                "@architectures": "spacy_llama_ner.LlamaCrfTagger.v1",
                "attention": "bidirectional",
                "freeze_backbone": False,
                "peft": None,
                "max_batch_pieces": 2048,
                "head_learn_rate_scale": HEAD_RATE_SCALE,
                "backbone": {
                    "@misc": "spacy_llama_ner.HuggingFaceBackbone.v1",
                    "name": backbone,
                    "save_inside": True,
                },
                "get_spans": spans,
            },
        }
    }
    config["training"]["optimizer"]["grad_clip"] = (
        0.0  # thinc clips per tensor; the component clips their norm
    )
    return Config(config)


def own_config(path: Path, *, train: Path, dev: Path, seed: int) -> Config:
    """Read a config of `llama_crf_ner` and put corpora and seed into it; the rest stays as it is.

    path (Path): The file.
    train, dev (Path): Corpora.
    seed (int): Of the training.
    RETURNS (Config): Not interpolated.
    """
    return _on(load_config(path, interpolate=False), train=train, dev=dev, seed=seed)


def find_component(config: Config, path: Path) -> str:
    """Find our component in a config.

    config (Config): Of a pipeline.
    path (Path): Where it was read, for the error.
    RETURNS (str): Its name.
    RAISES (ValueError): If there is none, or more than one.
    """
    components = config.get("components", {})
    names = [name for name, block in components.items() if block.get("factory") == "llama_crf_ner"]
    if len(names) != 1:
        raise ValueError(
            f'{path} has {len(names)} components with factory = "llama_crf_ner"; expected one. Give a config such as '
            "configs/mini.cfg."
        )
    return names[0]


def backbone_name(config: Config, component: str) -> str:
    """RETURNS (str): Folder or hub name of the backbone that a config gives to our component."""
    return config.interpolate()["components"][component]["model"]["backbone"]["name"]


def backbone_files(backbone: str) -> list[Path]:
    """List what a training depends on in a backbone's folder.

    backbone (str): A folder; or a name on the hub, of which nothing is known here.
    RETURNS (list[Path]): Weights and JSON files in order of their names; none for a hub name.
    """
    folder = Path(backbone)
    files = folder.iterdir() if folder.is_dir() else iter(())
    return sorted(file for file in files if file.suffix in {".safetensors", ".bin", ".json", ".txt"})


def _init_config(optimize: str, *, gpu: bool) -> Config:
    from spacy.cli.init_config import init_config  # the command line is slow to import

    return init_config(lang="en", pipeline=["ner"], optimize=optimize, gpu=gpu)


def _on(config: Config, *, train: Path, dev: Path, seed: int) -> Config:
    return _override(config, {"paths.train": str(train), "paths.dev": str(dev), "system.seed": seed})


def _override(config: Config, overrides: dict[str, Any]) -> Config:
    return Config().from_str(config.to_str(), interpolate=False, overrides=overrides)
