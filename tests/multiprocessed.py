"""Predict in one process and then in two; run as a script, so that a hang can be ended.

multiprocessed.py PIPELINE START_METHOD   writes both predictions as JSON to the file named by RESULT
"""

import json
import multiprocessing
import os
import sys
from pathlib import Path

import spacy
import torch
from spacy_train import TEXTS

# Of many lengths, so that batches are padded; empty and blank ones too.
DOCS = [" ".join(text for text, _ in TEXTS[: 1 + number % 4]) * (1 + number % 3) for number in range(19)]
DOCS[4], DOCS[11] = "", " \n "


def found(doc):
    group = doc.spans["llama_crf_ner"]
    scores = [float(score) for score in group.attrs["scores"]]
    ents = [(ent.text, ent.label_, ent.start, ent.end, ent._.score) for ent in doc.ents]
    return {"text": doc.text, "ents": ents, "spans": [span.text for span in group], "scores": scores}


if __name__ == "__main__":
    folder, method = sys.argv[1:]
    nlp = spacy.load(folder)
    torch.set_num_threads(2)
    one = [found(doc) for doc in nlp.pipe(DOCS, batch_size=4)]
    # Until torch has really used two threads, a fork is harmless.
    torch.randn(600, 600) @ torch.randn(600, 600)
    multiprocessing.set_start_method(method)
    numbered = [(text, number) for number, text in enumerate(DOCS)]
    pairs = list(nlp.pipe(numbered, as_tuples=True, batch_size=4, n_process=2))
    two, context = [found(doc) for doc, _ in pairs], [number for _, number in pairs]
    again = [found(doc) for doc in nlp.pipe(DOCS, batch_size=4)]
    result = {"one": one, "two": two, "again": again, "context": context, "threads": torch.get_num_threads()}
    Path(os.environ["RESULT"]).write_text(json.dumps(result))
