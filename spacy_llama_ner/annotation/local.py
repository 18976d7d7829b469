"""Annotate in this process."""

from collections.abc import Iterator

from spacy.language import Language

from spacy_llama_ner.annotation.batch import annotate_batch
from spacy_llama_ner.annotation.batches import open_batches
from spacy_llama_ner.annotation.job import Job
from spacy_llama_ner.annotation.journal import Counts
from spacy_llama_ner.annotation.types import Annotated


def load(model: str, gpu_id: int) -> Language:
    """Load a pipeline that finds entities.

    model (str): A folder or an installed package's name.
    gpu_id (int): The GPU, or -1 for the CPU.
    RETURNS (Language): The pipeline.
    """
    import spacy

    if gpu_id >= 0:
        spacy.require_gpu(gpu_id)
    return spacy.load(model)


def annotate_here(job: Job, done: Counts) -> Iterator[Annotated]:
    """Annotate batches one after the other; none is read before the last one is done.

    job (Job): What to do.
    done (Counts): What is done of it.
    YIELDS (Annotated): Each other batch's result, in order.
    RAISES (ValueError): If what is done was another input.
    """
    batches = open_batches(job.source, job.batch_size, skip=done.batches, digest=done.digest)
    nlp = load(job.model, job.gpu_id)
    for batch in batches:
        yield annotate_batch(
            nlp, batch, field=job.source.field, ents_field=job.source.ents_field, as_docs=job.as_docs
        )
