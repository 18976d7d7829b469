"""Read from a saved pipeline which backbones it needs, and whether others can get them."""

import json
from dataclasses import dataclass
from pathlib import Path

from spacy_llama_ner.release.errors import ReleaseError

NETWORK = "model/network.json"  # within a component's folder; network/storage.py writes it


@dataclass(frozen=True)
class Backbone:
    """The backbone of one component.

    component (str): The component's name.
    name (str): The folder or hub name that it is loaded from or, if it is inside, was.
    on_hub (bool): Whether that is a name on the Hugging Face hub.
    inside (bool): Whether the pipeline contains it.
    """

    component: str
    name: str
    on_hub: bool
    inside: bool

    @property
    def public_name(self) -> str:
        """The name without what a path would tell of the machine."""
        return self.name if self.on_hub else Path(self.name).name


def read_backbones(pipeline_dir: Path) -> list[Backbone]:
    """Find the backbones of a saved pipeline's components.

    pipeline_dir (Path): The folder with the config.cfg.
    RETURNS (list[Backbone]): One for each `llama_crf_ner`, whatever its name in the pipeline.
    RAISES (ValueError): If a network.json or the config is damaged.
    """
    from spacy.util import load_config

    manifests = sorted(pipeline_dir.glob(f"*/{NETWORK}"))
    if not manifests:
        return []
    config = load_config(pipeline_dir / "config.cfg", interpolate=True)
    backbones = []
    for path in manifests:
        component = path.relative_to(pipeline_dir).parts[0]
        try:
            saved = json.loads(path.read_text(encoding="utf8"))["backbone"]
            inside, trained_with, commit = bool(saved["inside"]), saved["name"], saved["revision"]
            # The config has the last word where a backbone is loaded; one that is inside is loaded from nowhere.
            name = trained_with if inside else config["components"][component]["model"]["backbone"]["name"]
        except (ValueError, KeyError, TypeError) as e:
            raise ValueError(
                f"{path} or the config beside it is damaged ({e!r}); package the pipeline again."
            ) from e
        # A folder has no commit. "assets/llama-mini" reads like a hub name.
        was_folder = name == trained_with and commit is None
        backbones.append(Backbone(component, name, _is_hub_name(name) and not was_folder, inside))
    return backbones


def check_obtainable(backbones: list[Backbone]) -> None:
    """Check that whoever downloads the pipeline can get its backbones.

    backbones (list[Backbone]): What `read_backbones` returned.
    RAISES (ReleaseError): If one is neither inside nor on the hub.
    """
    for backbone in backbones:
        if not backbone.inside and not backbone.on_hub:
            raise ReleaseError(
                f"The pipeline takes the backbone of {backbone.component!r} from {backbone.name!r}, a folder of this "
                "machine, so nobody else could load it. Package it with the backbone inside (`package --kind full`). "
                "Or, if the same backbone is on the Hugging Face hub, load the pipeline with config="
                f'{{"components.{backbone.component}.model.backbone.name": "owner/name"}}, save it and package that.'
            )


def _is_hub_name(name: str) -> bool:
    from huggingface_hub.utils import HFValidationError, validate_repo_id

    try:
        validate_repo_id(name)
    except HFValidationError:
        return False
    return True
