"""Wheels, built once for all tests of the release."""

from pathlib import Path

import pytest
from ruler import save_ruler

from spacy_llama_ner.release.package import package_pipeline
from spacy_llama_ner.release.wheel import build_project_wheel

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def model_dir(tmp_path_factory) -> Path:
    """The folder of a pipeline whose meta names the requirement."""
    return save_ruler(tmp_path_factory.mktemp("model") / "model-best")


@pytest.fixture(scope="session")
def pipeline_wheel(tmp_path_factory, model_dir) -> Path:
    """That pipeline's wheel."""
    output_dir = tmp_path_factory.mktemp("packages")
    return package_pipeline(model_dir, output_dir, name="ruler_ner", version="0.2.0")


@pytest.fixture(scope="session")
def project_wheel(tmp_path_factory) -> Path:
    """The wheel of this project."""
    return build_project_wheel(ROOT, tmp_path_factory.mktemp("dist"))
