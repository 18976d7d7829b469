"""The page of an invented evaluation."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from report_folder import make_folder

from spacy_llama_ner.report.page import render_page
from spacy_llama_ner.report.sources import read_sources


@pytest.fixture(scope="session")
def metrics(tmp_path_factory):
    return make_folder(tmp_path_factory.mktemp("metrics"))


@pytest.fixture(scope="session")
def page(metrics):
    return render_page(read_sources(metrics, log=metrics / "log.jsonl"), title="Invented")
