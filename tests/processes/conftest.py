"""A pipeline that has learned a few invented sentences by heart, in a folder that other processes load too."""

from pathlib import Path

import pytest
import spacy
from spacy.language import Language
from spacy.training import Example
from spacy.util import fix_random_seed
from spacy_train import TEXTS


@pytest.fixture(scope="session")
def trained_folder(tiny_llama: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Trained with dropout of a half everywhere, so that a prediction which drops anything shows."""
    fix_random_seed(0)
    nlp = spacy.blank("en")
    backbone = {"@misc": "spacy_llama_ner.HuggingFaceBackbone.v1", "name": str(tiny_llama)}
    nlp.add_pipe(
        "llama_crf_ner", config={"model": {"lora_rank": 4, "lora_dropout": 0.5, "backbone": backbone}}
    )
    nlp.config["training"]["dropout"] = 0.5
    examples = [Example.from_dict(nlp.make_doc(text), {"entities": entities}) for text, entities in TEXTS]
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = 0.02
    for _ in range(60):
        nlp.update(examples, sgd=optimizer)
    nlp.update(examples, sgd=False, drop=0.5)  # the last thing that the network did was to drop
    folder = tmp_path_factory.mktemp("trained") / "nlp"
    nlp.to_disk(folder)
    return folder


@pytest.fixture
def trained(trained_folder: Path) -> Language:
    """A pipeline of its own for each test."""
    return spacy.load(trained_folder)
