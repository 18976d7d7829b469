import json
from pathlib import Path

import pytest

WORDS = [
    "harbour",
    "Anna",
    "ferry",
    "Oslo",
    "said",
    "the",
    "council",
    "on",
    "Monday",
    "two",
    "boats",
    "sank",
    ".",
]


def write_texts(path: Path, *, documents: int = 120) -> Path:
    """Write invented documents, each another one, of 40 words."""
    with path.open("w", encoding="utf-8") as file:
        for number in range(documents):
            words = [WORDS[(number * 7 + i * i * (number % 5 + 1)) % len(WORDS)] for i in range(40)]
            file.write(json.dumps({"text": f"Story {number}. " + " ".join(words)}) + "\n")
    return path


@pytest.fixture(scope="session")
def texts(tmp_path_factory):
    return write_texts(tmp_path_factory.mktemp("texts") / "texts.jsonl")
