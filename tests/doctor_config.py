"""Training configs for `doctor`: the profile mini with another backbone, small enough to train in a second."""

from pathlib import Path

from spacy import util

MINI = Path(__file__).parents[1] / "configs" / "mini.cfg"


def write_config(path: Path, backbone: Path | str, **settings: object) -> Path:
    """Write a config.

    path (Path): Where.
    backbone (Path | str): Folder or name on the hub.
    settings (object): Dotted settings, with two underscores for a dot; `model` stands for the component's model.
    RETURNS (Path): The same path.
    """
    model = "components.llama_crf_ner.model"
    overrides: dict[str, object] = {
        "paths.source": str(path.parent),
        "paths.train": str(path.parent / "no-corpus.spacy"),
        "paths.dev": str(path.parent / "no-corpus.spacy"),
        "paths.log": str(path.parent / "log.jsonl"),
        f"{model}.backbone.name": str(backbone),
        f"{model}.lora_rank": 4,
        "training.batcher.size": 4,
    }
    for name, value in settings.items():
        dotted = name.replace("__", ".")
        overrides[f"{model}{dotted.removeprefix('model')}" if dotted.startswith("model.") else dotted] = value
    util.load_config(MINI, overrides=overrides, interpolate=False).to_disk(path)
    return path
