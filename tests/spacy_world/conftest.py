"""A tiny pipeline that `spacy train` trained, and the same one packaged and installed by pip."""

import importlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import spacy
from spacy.cli.train import train as spacy_train
from spacy.language import Language
from spacy.tokens import Doc, DocBin
from spacy.training import Corpus, Example
from spacy.vocab import Vocab
from thinc.api import Config

from spacy_llama_ner.release.package import package_pipeline

PIPE = "llama_crf_ner"
PACKAGE = "en_spacy_world"
# words, tags, and one BIO tag a word
SENTENCES = [
    ("Anna Kovac visited Berlin on Monday .", "N N V N P N .", "B-PER I-PER O B-LOC O O O"),
    ("Shares of Northgate Steel fell in London .", "N P N N V P N .", "O O B-ORG I-ORG O O B-LOC O"),
    ("A Danish court heard Mr. Sato .", "D A N V N N .", "O B-MISC O O O B-PER O"),
    ("It rained .", "N V .", "O O O"),
]
TRAINING = """
[paths]
train = null
dev = null

[system]
seed = 0

[nlp]
lang = "en"
batch_size = 8

[corpora]

[corpora.train]
@readers = "spacy.Corpus.v1"
path = ${paths.train}

[corpora.dev]
@readers = "spacy.Corpus.v1"
path = ${paths.dev}

[training]
seed = ${system.seed}
gpu_allocator = null
dropout = 0.0
patience = 0
max_epochs = 0
eval_frequency = 20

[training.batcher]
@batchers = "spacy.batch_by_sequence.v1"
size = 4

[training.optimizer]
@optimizers = "Adam.v1"
learn_rate = 0.02

[training.logger]
@loggers = "spacy.ConsoleLogger.v3"
"""


@pytest.fixture(scope="session")
def write_corpus() -> Callable[..., Path]:
    """A function that writes the sentences as a DocBin, so often, all of them or those named."""

    def write(path: Path, *, copies: int = 1, only: slice = slice(None)) -> Path:
        vocab = Vocab()
        docs = []
        for words, tags, ents in SENTENCES[only]:
            parts = words.split()
            spaces = [True] * (len(parts) - 2) + [False, False]
            docs.append(Doc(vocab, words=parts, spaces=spaces, tags=tags.split(), ents=ents.split()))
        DocBin(docs=docs * copies).to_disk(path)
        return path

    return write


@pytest.fixture(scope="session")
def corpus(write_corpus: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sentences as a DocBin, to train and to evaluate on."""
    return write_corpus(tmp_path_factory.mktemp("corpus") / "all.spacy")


@pytest.fixture(scope="session")
def component(tiny_llama: Path) -> dict[str, Any]:
    """The component's block of a config."""
    backbone = {
        "@misc": "spacy_llama_ner.HuggingFaceBackbone.v1",
        "name": str(tiny_llama),
        "save_inside": True,
    }
    return {"factory": PIPE, "model": {"lora_rank": 4, "backbone": backbone}}


@pytest.fixture(scope="session")
def train(
    corpus: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[dict[str, dict[str, Any]], dict[str, Any]], Path]:
    """A function that runs `spacy train` and returns the folder of `model-last`.

    It takes the blocks of the components, in the order of the pipeline, overrides such as
    {"training.max_steps": 2}, and the components' blocks of `[initialize]`.
    """

    def run(
        components: dict[str, dict[str, Any]],
        overrides: dict[str, Any],
        initialize: dict[str, dict[str, Any]] | None = None,
    ) -> Path:
        folder = tmp_path_factory.mktemp("train")
        config = Config().from_str(TRAINING, interpolate=False)
        config["nlp"]["pipeline"] = list(components)
        config["components"] = components
        config["initialize"] = {"components": initialize or {}}
        config.to_disk(folder / "config.cfg")
        paths = {"paths.train": str(corpus), "paths.dev": str(corpus)}
        spacy_train(folder / "config.cfg", folder / "out", overrides={**paths, **overrides})
        return folder / "out" / "model-last"

    return run


@pytest.fixture(scope="session")
def trained(train: Callable[..., Path], component: dict[str, Any]) -> Path:
    """A pipeline's folder; it gets every sentence right."""
    return train({PIPE: component}, {"training.max_steps": 80})


@pytest.fixture(scope="session")
def installed(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where pip installed that pipeline's wheel; while a test runs, this process finds it, too."""
    folder = tmp_path_factory.mktemp("installed")
    wheel = package_pipeline(trained, folder / "packages", name=PACKAGE, version="0.1.0")
    site = folder / "site"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*pip, "--target", str(site), str(wheel)], check=True)
    sys.path.insert(0, str(site))
    importlib.invalidate_caches()
    yield site
    sys.path.remove(str(site))


@pytest.fixture(scope="session", params=["trained", "installed"])
def pipeline(request: pytest.FixtureRequest) -> str:
    """What a user names the pipeline by: the folder of the trained one, the package of the installed one."""
    place = request.getfixturevalue(request.param)
    return PACKAGE if request.param == "installed" else str(place)


@pytest.fixture
def nlp(pipeline: str) -> Language:
    """The pipeline, loaded anew for each test."""
    return spacy.load(pipeline)


@pytest.fixture(scope="session")
def shared(pipeline: str) -> Language:
    """The pipeline, loaded once, for tests that leave it as it is."""
    return spacy.load(pipeline)


@pytest.fixture(scope="session")
def gold(corpus: Path) -> Callable[[Language], list[Example]]:
    """A function that reads the corpus for a pipeline, as the commands do."""
    return lambda nlp: list(Corpus(corpus)(nlp))
