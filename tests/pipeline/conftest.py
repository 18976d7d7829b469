"""Pipelines on a tiny backbone, with invented text."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import spacy
from spacy.language import Language
from spacy.training import Example
from spacy.util import fix_random_seed

TRAIN = [
    ("Anna Kovac visited Berlin on Monday.", [(0, 10, "PER"), (19, 25, "LOC")]),
    ("Shares of Northgate Steel fell in London.", [(10, 25, "ORG"), (34, 40, "LOC")]),
    ("A Danish court heard Mr. Sato.", [(2, 8, "MISC"), (25, 29, "PER")]),
    ("It rained.", []),
]
LABELS = ["PER", "ORG", "LOC", "MISC"]


@pytest.fixture
def config(tiny_llama: Path) -> dict[str, Any]:
    """A component config on the tiny Llama."""
    return {
        "model": {
            "lora_rank": 4,
            "backbone": {"@misc": "spacy_llama_ner.HuggingFaceBackbone.v1", "name": str(tiny_llama)},
        }
    }


def make_examples(nlp: Language) -> list[Example]:
    return [Example.from_dict(nlp.make_doc(text), {"entities": entities}) for text, entities in TRAIN]


@pytest.fixture
def examples() -> Callable[[Language], list[Example]]:
    """A function that makes the training examples for a pipeline."""
    return make_examples


@pytest.fixture(scope="session")
def trained_template(tiny_llama: Path) -> bytes:
    """A pipeline that has learned the training examples by heart, as bytes with its config in front."""
    fix_random_seed(0)
    nlp = spacy.blank("en")
    backbone = {"@misc": "spacy_llama_ner.HuggingFaceBackbone.v1", "name": str(tiny_llama)}
    nlp.add_pipe("llama_crf_ner", config={"model": {"lora_rank": 4, "backbone": backbone}})
    examples = make_examples(nlp)
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = 0.02
    for _ in range(80):
        nlp.update(examples, sgd=optimizer)
    return nlp.to_bytes()


@pytest.fixture
def trained(trained_template: bytes, config: dict[str, Any]) -> Language:
    """A pipeline of its own for each test, trained to get every example right."""
    nlp = spacy.blank("en")
    nlp.add_pipe("llama_crf_ner", config=config)
    return nlp.from_bytes(trained_template)
