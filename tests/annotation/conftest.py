"""Fixtures for annotations: jobs with the ruler's pipeline, which is quick."""

import pytest
from ruler import save_ruler

from spacy_llama_ner.annotation.job import Job
from spacy_llama_ner.annotation.local import annotate_here
from spacy_llama_ner.annotation.run import run_job
from spacy_llama_ner.annotation.source import Source


@pytest.fixture(scope="session")
def model(tmp_path_factory):
    """A folder with the ruler's pipeline."""
    return save_ruler(tmp_path_factory.mktemp("ruler") / "model")


@pytest.fixture
def make_job(model, tmp_path):
    """A function that makes a job, with 2 records in a batch and 2 batches in a part."""

    def make(name, *, output="out.jsonl", kind=None, output_kind=None, field="text", **settings):
        path = tmp_path / name
        source = Source(str(path), kind or path.suffix[1:], field, settings.pop("ents_field", "ents"))
        output = tmp_path / output
        settings = {"model": str(model), "batch_size": 2, "part_batches": 2, **settings}
        kinds = {".jsonl": "jsonl", ".parquet": "parquet", ".spacy": "spacy", "": "folder"}
        return Job(
            source=source, output=output, output_format=output_kind or kinds[output.suffix], **settings
        )

    return make


@pytest.fixture
def run():
    """A function that runs a job in this process."""
    return lambda job, **settings: run_job(job, annotate_here, **settings)
