"""A small training project, and saved pipelines."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

# The test folders are no packages; this makes the module beside this file importable.
sys.path.insert(0, str(Path(__file__).parent))

from hostile_support import PIPE, annotated, make_pipeline, with_setting, write_docs

ROOT = Path(__file__).parents[2]


@pytest.fixture
def project(tmp_path: Path, tiny_llama: Path) -> Path:
    """A folder with `mini.cfg`, as shipped but for backbone, language and number of steps, and its corpora."""
    config = (ROOT / "configs" / "mini.cfg").read_text(encoding="utf8")
    for section, key, value in (
        ("paths", "train", f'"{tmp_path}/train.spacy"'),
        ("paths", "dev", f'"{tmp_path}/dev.spacy"'),
        ("paths", "log", f'"{tmp_path}/log.jsonl"'),
        ("nlp", "lang", '"xx"'),  # English makes its tokenizer for 0.1 s each time
        (f"components.{PIPE}.model", "lora_rank", "4"),
        (f"components.{PIPE}.model.backbone", "name", f'"{tiny_llama}"'),
        ("training", "max_steps", "1"),
        ("training", "eval_frequency", "1"),
        (f"initialize.components.{PIPE}", "labels", '["PER", "LOC"]'),
    ):
        config = with_setting(config, section, key, value)
    (tmp_path / "mini.cfg").write_text(config, encoding="utf8")
    write_docs(tmp_path / "train.spacy", annotated(2))
    write_docs(tmp_path / "dev.spacy", annotated(1))
    return tmp_path


@pytest.fixture(scope="session")
def saved_inside(tmp_path_factory: pytest.TempPathFactory, tiny_llama: Path) -> Path:
    """A saved pipeline with its backbone inside; not to be written to."""
    folder = tmp_path_factory.mktemp("inside") / "nlp"
    make_pipeline(tiny_llama, save_inside=True).to_disk(folder)
    return folder


@pytest.fixture(scope="session")
def saved_reference(tmp_path_factory: pytest.TempPathFactory, tiny_llama: Path) -> Path:
    """A saved pipeline that refers to its backbone; not to be written to."""
    folder = tmp_path_factory.mktemp("reference") / "nlp"
    make_pipeline(tiny_llama).to_disk(folder)
    return folder


@pytest.fixture
def copy_of(tmp_path: Path) -> Callable[[Path], Path]:
    """A function that copies a folder to where the test may write."""

    def copy(folder: Path) -> Path:
        return Path(shutil.copytree(folder, tmp_path / f"copy-of-{folder.parent.name}"))

    return copy
