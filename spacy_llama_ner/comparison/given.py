"""Systems that were made elsewhere: a pipeline, or a file of predictions."""

import json
import re
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from spacy.language import Language
from spacy.tokens import Doc, DocBin
from spacy.training import Example

from spacy_llama_ner.comparison.measure import count_bytes
from spacy_llama_ner.comparison.training import LOG, read_evaluations


def parse_named(values: Sequence[str], option: str) -> dict[str, str]:
    """Part values of the form NAME=PLACE.

    values (Sequence[str]): As a user gave them.
    option (str): The option, for the error.
    RETURNS (dict[str, str]): Places by name.
    RAISES (ValueError): If one has another form, a name is no file name, or a name comes twice.
    """
    named: dict[str, str] = {}
    for value in values:
        name, _, place = value.partition("=")
        if not re.fullmatch(r"[\w.+-]+", name) or not place:
            raise ValueError(
                f"{option} {value}: expected NAME=PLACE with a name of letters, digits and . _ + -, "
                "such as mine=training/model-best."
            )
        if name in named:
            raise ValueError(f"{option}: the name {name} is there twice; give each system a name of its own.")
        named[name] = place
    return named


def describe_pipeline(nlp: Language) -> dict[str, Any]:
    """Find out what a pipeline that was trained elsewhere says about its size and its training.

    nlp (Language): Loaded from a folder or a package.
    RETURNS (dict): As `describe_size`; `training_seconds` (None if no log of our logger lies beside the folder, None
        otherwise) and `notes`.
    """
    described = describe_size(nlp)
    log = nlp.path.parent / LOG if nlp.path else None
    seconds = None
    if log is not None and log.is_file():
        try:
            seconds = max((line["seconds"] for line in read_evaluations(log)), default=None)
        except (ValueError, KeyError, TypeError):  # another program's file of this name
            described["notes"].append(f"{log.name} beside it is no log of JsonLinesLogger.v1")
    described["notes"].append(
        "training time not measured here" if seconds is None else "training time from its training log"
    )
    return {**described, "training_seconds": seconds}


def describe_size(nlp: Language) -> dict[str, Any]:
    """Count a pipeline's bytes.

    nlp (Language): Loaded from a folder or a package.
    RETURNS (dict): `bytes` of the folder; `backbone`: None, or the `name` and `bytes` of one that is not in it (bytes
        None where it is no folder here); `notes`.
    """
    notes: list[str] = []
    backbone = _backbone_outside(nlp)
    if backbone is not None:
        size = f"{backbone['bytes'] / 1e6:,.1f} MB" if backbone["bytes"] else "of unknown size here"
        notes.append(f"plus its backbone {backbone['name']}, {size}, which is not in its folder")
    return {"bytes": count_bytes(nlp.path) if nlp.path else None, "backbone": backbone, "notes": notes}


def read_predictions(file: Path, gold: Sequence[Doc]) -> tuple[list[Example], dict[str, Any]]:
    """Pair predictions that were saved with the gold Docs, and read the JSON beside them.

    file (Path): A DocBin. A token without annotation is one that was not predicted.
    gold (Sequence[Doc]): Annotated Docs.
    RETURNS (tuple[list[Example], dict]): The pairs; and what the JSON of the same name holds, empty if there is none.
    RAISES (ValueError): If the file is no DocBin or its tokens are others; FileNotFoundError if there is none.
    """
    if not file.is_file():
        raise FileNotFoundError(f"No predictions at {file}: expected a .spacy file (DocBin).")
    try:
        docs = list(DocBin().from_disk(file).get_docs(gold[0].vocab))
    except (zlib.error, ValueError, KeyError, TypeError, EOFError) as e:
        raise ValueError(f"{file} is not a readable DocBin ({e}): predict again.") from e
    if len(docs) != len(gold):
        raise ValueError(f"{file} has {len(docs)} docs, the corpus {len(gold)}: predict on this very corpus.")
    for number, (doc, reference) in enumerate(zip(docs, gold, strict=True), start=1):
        if [token.text for token in doc] != [token.text for token in reference]:
            raise ValueError(
                f"{file}: the tokens of doc {number} are not the corpus's ({len(doc)} tokens, {len(reference)} there): "
                "predict on this very corpus."
            )
    examples = [Example(doc, reference) for doc, reference in zip(docs, gold, strict=True)]
    beside = file.with_suffix(".json")
    if not beside.is_file():
        return examples, {}
    try:
        report = json.loads(beside.read_text(encoding="utf8"))
    except ValueError as e:
        raise ValueError(f"{beside}, beside the predictions, is not readable JSON ({e}).") from e
    return examples, report if isinstance(report, dict) else {}


def describe_predictions(report: dict[str, Any], file: Path) -> dict[str, Any]:
    """Take speed and cost from the JSON beside predictions.

    report (dict): From `read_predictions`.
    file (Path): The predictions, for the note.
    RETURNS (dict): `words_per_second` and `cost` (US dollars), None where it does not say; `notes`.
    """
    described = {key: _number(report.get(key)) for key in ("words_per_second", "cost")}
    said = [
        name
        for name, value in (("words/s", described["words_per_second"]), ("cost", described["cost"]))
        if value
    ]
    notes = ["predictions made elsewhere"]
    if said:
        notes.append(f"{' and '.join(said)} as {file.with_suffix('.json').name} says")
    return {**described, "notes": notes}


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _backbone_outside(nlp: Language) -> dict[str, Any] | None:
    """RETURNS (dict | None): Name and bytes of the backbone that our component has by reference."""
    for block in nlp.config.interpolate()["components"].values():
        if block.get("factory") != "llama_crf_ner":
            continue
        model = block["model"]
        if model["freeze_backbone"] and not model["backbone"]["save_inside"]:
            folder = Path(model["backbone"]["name"])
            size = count_bytes(folder) if folder.is_dir() else None
            return {"name": str(folder), "bytes": size}
    return None
