"""Complete a pipeline's model card with what its backbone asks for and the hub needs to know."""

import re
from typing import Any

import srsly

from spacy_llama_ner.release.backbones import Backbone
from spacy_llama_ner.release.llama_licence import HUB_NAMES, card_section, llama_version
from spacy_llama_ner.release.model_card import front_matter, model_card


def complete_card(
    card: str | None, meta: dict[str, Any], *, backbones: list[Backbone], install: str | None = None
) -> str:
    """Add to a card the backbone, its licence, and how to install the pipeline.

    card (str | None): The README, with or without front matter; None if there is none.
    meta (dict): The pipeline's meta.json.
    backbones (list[Backbone]): What `read_backbones` returned.
    install (str | None): A command to stand instead of the one that installs the wheel by its file's name.
    RETURNS (str): The card. What its front matter says already is kept; completing it twice changes nothing.
    RAISES (ValueError): If the front matter is not valid YAML.
    """
    fields, body = _split(card or model_card(meta, about={}, metrics={}))
    defaults = front_matter(meta)
    if "license" in fields:
        defaults = {key: value for key, value in defaults.items() if not key.startswith("license")}
    fields = defaults | fields
    if names := list(dict.fromkeys(backbone.name for backbone in backbones if backbone.on_hub)):
        fields.setdefault("base_model", names[0] if len(names) == 1 else names)
    for backbone in backbones:
        if version := llama_version(backbone.public_name):
            if fields.get("license_name") == "unknown":
                # Nothing is stated, and the backbone's licence holds for what was made with it.
                del fields["license_name"]
                fields["license"] = HUB_NAMES[version]
            section = card_section(version, backbone.public_name)
            if section not in body:
                body = f"{body.rstrip()}\n\n{section}\n"
    if install:
        wheel = f"{meta['lang']}_{meta['name']}-{meta['version']}-py3-none-any.whl"
        body = re.sub(rf"^pip install {re.escape(wheel)}.*$", lambda _: install, body, flags=re.MULTILINE)
    return f"---\n{srsly.yaml_dumps(fields).strip()}\n---\n{body}"


def _split(card: str) -> tuple[dict[str, Any], str]:
    found = re.match(r"---\n(.*?)\n---\n", card, re.DOTALL)
    if not found:
        return {}, f"\n{card.lstrip()}"
    try:
        fields = srsly.yaml_loads(found[1])
    except ValueError as e:
        raise ValueError(f"The front matter of the pipeline's README.md is not valid YAML: {e}.") from e
    if not isinstance(fields, dict):
        raise ValueError(
            f"The front matter of the pipeline's README.md is not a map of fields: {found[1]!r}."
        )
    return fields, card[found.end() :]
