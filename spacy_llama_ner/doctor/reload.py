"""Save the pipeline, load it back, and see whether it is the same."""

import gc
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import spacy
from spacy.language import Language
from spacy.tokens import Doc

from spacy_llama_ner.doctor.check import FAIL, Check, gigabytes

DOCS = 16  # whose emissions are compared
LONG_ENOUGH = 2.0  # seconds of predicting


@dataclass
class Reload:
    """What was measured.

    checks (List[Check]): In words.
    saved (int): Bytes of the pipeline on disk.
    words_per_second (float): Of prediction by the pipeline that was loaded.
    """

    checks: list[Check]
    saved: int
    words_per_second: float


def save_and_load(trained: list[Language], name: str, docs: Sequence[Doc], folder: Path) -> Reload:
    """Save, load, compare emissions, and time predictions.

    trained (List[Language]): One pipeline. It is taken out, so that two are never in memory.
    name (str): Our component's.
    docs (Sequence[Doc]): What to predict; at least one.
    folder (Path): Where to make a folder for it, which is removed at the end.
    RETURNS (Reload): Figures, and whether emissions are equal.
    RAISES (Exception): What saving and loading raise.
    """
    texts = [doc.text for doc in docs]
    with tempfile.TemporaryDirectory(prefix=".doctor-", dir=folder) as temporary:
        place = Path(temporary) / "model"
        nlp = trained.pop()
        expected = _emissions(nlp, name, texts[:DOCS])
        start = time.perf_counter()
        nlp.to_disk(place)
        save_seconds = time.perf_counter() - start
        del nlp
        _free()
        saved = sum(path.stat().st_size for path in place.rglob("*") if path.is_file())
        start = time.perf_counter()
        loaded = spacy.load(place)
        load_seconds = time.perf_counter() - start
        found = _emissions(loaded, name, texts[:DOCS])
    same = _check_emissions(expected, found)
    speed = _words_per_second(loaded, texts)
    figures = {"bytes": saved, "save_seconds": save_seconds, "load_seconds": load_seconds}
    took = f"{gigabytes(saved)}, saved in {save_seconds:.1f} s, loaded in {load_seconds:.1f} s"
    return Reload(
        [
            Check("saving and loading", took, figures=figures),
            same,
            Check("prediction", f"{speed:,.0f} words/s", figures={"words_per_second": speed}),
        ],
        saved,
        speed,
    )


def _emissions(nlp: Language, name: str, texts: Sequence[str]) -> np.ndarray:
    component: Any = nlp.get_pipe(name)
    return np.concatenate(component.model.predict([nlp.make_doc(text) for text in texts]))


def _check_emissions(expected: np.ndarray, found: np.ndarray) -> Check:
    largest = float(np.abs(expected - found).max()) if expected.size else 0.0
    figures = {"largest_difference": largest}
    # The same weights on the same device: only kernels that sum in another order may differ.
    if largest <= 1e-3 * float(np.abs(expected).max()):
        return Check("same scores", f"differ by {largest:.2g} at most", figures=figures)
    advice = "The pipeline that was loaded is not the one that was saved. Did the backbone's files change meanwhile?"
    return Check("same scores", f"differ by {largest:.2g}", FAIL, advice, figures)


def _words_per_second(nlp: Language, texts: Sequence[str]) -> float:
    """Time more and more texts, until it takes long enough to count."""
    size = DOCS
    while True:
        start = time.perf_counter()
        words = sum(len(doc) for doc in nlp.pipe(texts[:size]))
        seconds = time.perf_counter() - start
        if seconds > LONG_ENOUGH or size >= len(texts):
            return words / seconds
        size *= 4


def _free() -> None:
    import torch

    gc.collect()
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        torch.cuda.empty_cache()
