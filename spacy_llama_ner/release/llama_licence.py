"""What Meta's community licences ask of a model that was made with Llama 3, when it is given to others.

Source: Llama 3.2 Community License Agreement, 1.b (i, iii, iv), https://www.llama.com/llama3_2/license/; those of 3.1
and 3.3 have the same words, that of 3 has "Meta Llama 3" where they say "Llama".
"""

import re

HUB_NAMES = {"3": "llama3", "3.1": "llama3.1", "3.2": "llama3.2", "3.3": "llama3.3"}


def llama_version(name: str) -> str | None:
    """Tell from a model's name whether it is a Llama 3.

    name (str): Such as "unsloth/Llama-3.2-1B-Instruct".
    RETURNS (str | None): "3", "3.1", "3.2" or "3.3"; None for others and where the name does not say.
    """
    found = re.search(r"\bllama[-_ ]?(3(?:\.[123])?)(?![.\d])", name, re.IGNORECASE)
    return found[1] if found else None


def notice(version: str) -> str:
    """RETURNS (str): The line that a file NOTICE has to have beside copies of a Llama of this version."""
    title = _title(version)
    return (
        f"{title} is licensed under the {title} Community License, "
        "Copyright © Meta Platforms, Inc. All Rights Reserved."
    )


def card_section(version: str, backbone: str) -> str:
    """Write the section of a model card that the licence asks for.

    version (str): What `llama_version` returned.
    backbone (str): The backbone's name.
    RETURNS (str): Markdown, with its heading.
    """
    brand = "Meta Llama 3" if version == "3" else "Llama"
    address = f"https://www.llama.com/llama{version.replace('.', '_')}"
    return (
        f"## Built with {brand}\n\n"
        f"This pipeline was made with {backbone}. {notice(version)} "
        f"The [licence]({address}/license/) and the [acceptable use policy]({address}/use-policy/) hold for this "
        "pipeline too."
    )


def name_must_begin_with(version: str) -> str:
    """RETURNS (str): How the name of a model that is given to others has to begin."""
    return "Llama 3" if version == "3" else "Llama"


def _title(version: str) -> str:
    return "Meta Llama 3" if version == "3" else f"Llama {version}"
