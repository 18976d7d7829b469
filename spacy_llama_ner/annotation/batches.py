"""Cut records into batches that do not depend on when or where they are annotated."""

import hashlib
from collections.abc import Iterator
from itertools import islice

from spacy_llama_ner.annotation.source import Source
from spacy_llama_ner.annotation.types import Batch


def open_batches(source: Source, size: int, *, skip: int = 0, digest: str = "") -> Iterator[Batch]:
    """Read a source in batches.

    Scores depend in their last digits on what a text is padded to, thus on its batch. So a batch is always made of the
    same records, bad ones too: then a resumed run, and one on many workers, gives the same bytes.

    source (Source): What to read.
    size (int): Records in a batch.
    skip (int): Batches to pass over, which an earlier run has annotated. They are read at once.
    digest (str): Of the last of them.
    RETURNS (Iterator[Batch]): The others, read when asked for.
    RAISES (ValueError): If those to pass over are not what they were.
    """
    batches = _read(source, size)
    passed = [batch.digest for batch in islice(batches, skip)]
    if skip and (len(passed) < skip or passed[-1] != digest):
        raise ValueError(
            f"{source.path} no longer begins with the records that are annotated already. "
            "Put it back as it was, or begin anew with --overwrite."
        )
    return batches


def _read(source: Source, size: int) -> Iterator[Batch]:
    records = source.records()
    state = hashlib.blake2b(digest_size=16)
    index = 0
    while batch := list(islice(records, size)):
        for record in batch:
            state.update(
                repr((record.number, record.fields, record.problem)).encode("utf8", "backslashreplace")
            )
        yield Batch(index, batch, state.hexdigest())
        index += 1
