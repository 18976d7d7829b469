"""Annotate one batch, whatever its records are like."""

import base64
import json
from dataclasses import replace
from typing import Any

from spacy.language import Language
from spacy.tokens import Doc, DocBin, Span

from spacy_llama_ner.annotation.types import Annotated, Batch, Problem, Record

NO_TEXT = "no text"
TOO_LONG = "text too long"
HAS_ENTS = "has entities already"
FAILED = "the pipeline failed"
NOT_STORABLE = "the Doc cannot be stored"


def annotate_batch(nlp: Language, batch: Batch, *, field: str, ents_field: str, as_docs: bool) -> Annotated:
    """Find the entities of a batch's records.

    If the pipeline fails on the batch, each record is tried alone, so that one bad record costs no other.

    nlp (Language): The pipeline.
    batch (Batch): The records.
    field (str): The field with the text.
    ents_field (str): The field that gets the entities.
    as_docs (bool): Give Docs instead of rows.
    RETURNS (Annotated): Each record is in it, annotated or with its problem.
    """
    problems, good = [], []
    for record in batch.records:
        problem = record.problem or _check(record, field, ents_field, nlp.max_length)
        if problem is None:
            good.append(record)
        else:
            problems.append(problem)
    annotated = Annotated(batch.index, batch.digest, len(batch.records), batch.records[-1].position)
    # What the batch adds to the vocabulary goes with it: spaCy would keep every new word for ever.
    with nlp.memory_zone():
        annotated = _annotate(nlp, good, annotated, field=field, ents_field=ents_field, as_docs=as_docs)
    problems += annotated.problems
    return replace(annotated, problems=sorted(problems, key=lambda problem: problem.number))


def _annotate(
    nlp: Language, records: list[Record], annotated: Annotated, *, field: str, ents_field: str, as_docs: bool
) -> Annotated:
    """RETURNS (Annotated): The given one with the results, and no Doc, which would outlive the memory zone."""
    rows, problems = [], []
    docs = DocBin(store_user_data=True) if as_docs else None
    words = ents = 0
    for record, result in zip(records, _predict(nlp, [r.fields[field] for r in records]), strict=True):
        if isinstance(result, Doc) and docs is not None:
            result = _stored(docs, result, {k: v for k, v in record.fields.items() if k != field})
        if isinstance(result, Problem):
            problems.append(replace(result, number=record.number))
            continue
        if docs is None:
            rows.append({**record.fields, ents_field: doc_ents(result)})
        words += len(result)
        ents += len(result.ents)
    data = None if docs is None else docs.to_bytes()
    return replace(annotated, rows=rows, docs=data, problems=problems, words=words, ents=ents)


def doc_ents(doc: Doc) -> list[dict[str, Any]]:
    """List a Doc's entities.

    doc (Doc): An annotated Doc.
    RETURNS (list[dict]): Each with `start` and `end` in characters, `label`, `text`, and `score` from 0 to 1, or None
        where no component gave one.
    """
    scored = Span.has_extension("score")
    return [
        {
            "start": ent.start_char,
            "end": ent.end_char,
            "label": ent.label_,
            "text": ent.text,
            "score": None if not scored or ent._.score is None else float(ent._.score),
        }
        for ent in doc.ents
    ]


def plain(value: Any) -> Any:
    """Make of a value of Parquet what JSON can hold: bytes as base64, dates and decimals as text."""
    return base64.b64encode(value).decode("ascii") if isinstance(value, bytes) else str(value)


def _check(record: Record, field: str, ents_field: str, longest: int) -> Problem | None:
    if field not in record.fields:
        return Problem(record.number, NO_TEXT, f"there is no field {field!r}")
    text = record.fields[field]
    if not isinstance(text, str):
        return Problem(
            record.number, NO_TEXT, f"the field {field!r} is of type {type(text).__name__}, not a text"
        )
    if len(text) > longest:
        reason = f"{len(text):,} characters; the pipeline's nlp.max_length is {longest:,}"
        return Problem(record.number, TOO_LONG, reason)
    if ents_field in record.fields:
        reason = f"there is a field {ents_field!r} already: choose another name with --ents-field"
        return Problem(record.number, HAS_ENTS, reason)
    return None


def _predict(nlp: Language, texts: list[str]) -> list[Doc | Problem]:
    try:
        return _pipe(nlp, texts)
    except Exception as e:  # whatever a component raises
        if len(texts) == 1:
            return [Problem(0, FAILED, f"{type(e).__name__}: {e}")]
        return [result for text in texts for result in _predict(nlp, [text])]


def _pipe(nlp: Language, texts: list[str]) -> list[Doc | Problem]:
    """Find out which texts the pipeline drops, as it may where it has an error handler of its own."""
    missing = Problem(0, FAILED, "it gave no Doc for this text")
    results: list[Doc | Problem] = [missing] * len(texts)
    pairs = ((text, i) for i, text in enumerate(texts))
    for doc, i in nlp.pipe(pairs, as_tuples=True, batch_size=max(len(texts), 1)):
        results[i] = doc
    return results


def _stored(bins: DocBin, doc: Doc, fields: dict[str, Any]) -> Doc | Problem:
    """Add a Doc to others, its record's other fields in `doc.user_data["record"]`."""
    try:
        if fields:
            doc.user_data["record"] = json.loads(json.dumps(fields, default=plain))
        # Alone first: a Doc that cannot be stored would leave half of itself in the bin.
        bins.merge(DocBin(store_user_data=True, docs=[doc]))
    except Exception as e:  # what a component put into user_data
        return Problem(0, NOT_STORABLE, f"{type(e).__name__}: {e}")
    return doc
