"""List the entities of texts with their scores.

Also a script, `python -I entities.py PIPELINE TEXTS.json OUTPUT.json`: the smoke test copies it out of the
package and runs it in a new environment, where it must not find this project's folder. So it imports nothing
of ours at the top.
"""

import importlib
import json
import sys
import time
from pathlib import Path
from typing import Any

import spacy
from spacy.language import Language
from spacy.tokens import Span


def entities(nlp: Language, texts: list[str]) -> list[list[dict[str, Any]]]:
    """Find the entities of each text.

    nlp (Language): The pipeline.
    texts (list[str]): Texts.
    RETURNS (list[list[dict]]): For each text its entities: `start` and `end` in characters, `text`, `label`,
        and `score` from 0 to 1, or None where no component gave one.
    """
    # Not known before a component that scores was loaded.
    scored = Span.has_extension("score")
    return [
        [
            {
                "start": ent.start_char,
                "end": ent.end_char,
                "text": ent.text,
                "label": ent.label_,
                "score": None if not scored or ent._.score is None else float(ent._.score),
            }
            for ent in doc.ents
        ]
        for doc in nlp.pipe(texts)
    ]


def main(pipeline: str, texts_path: str, output_path: str) -> None:
    """Load a pipeline, find the entities of texts, and write them down with where the code came from.

    pipeline (str): An installed pipeline's name, or a path.
    texts_path (str): A JSON list of texts.
    output_path (str): Gets a JSON object: `entities`, `load_seconds`, `predict_seconds`, and `modules` with
        the file that spaCy, this package and the pipeline's package came from.
    """
    names = ["spacy", "spacy_llama_ner", pipeline]
    start = time.perf_counter()
    nlp = spacy.load(pipeline)
    loaded = time.perf_counter()
    found = entities(nlp, json.loads(Path(texts_path).read_text(encoding="utf8")))
    result = {
        "entities": found,
        "load_seconds": loaded - start,
        "predict_seconds": time.perf_counter() - loaded,
        "modules": {name: importlib.import_module(name).__file__ for name in names},
    }
    Path(output_path).write_text(json.dumps(result), encoding="utf8")


if __name__ == "__main__":
    main(*sys.argv[1:])
