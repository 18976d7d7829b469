"""Fit the temperature of a pipeline's `llama_crf_ner`, and measure its scores before and after."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from spacy.util import minibatch

from spacy_llama_ner.calibration.reliability import measure_calibration
from spacy_llama_ner.calibration.temperature import CannotFitError, fit_temperature
from spacy_llama_ner.evaluation.examples import predict
from spacy_llama_ner.evaluation.metrics import spacy_scores
from spacy_llama_ner.pipeline.component import LlamaCrfNer


@dataclass(frozen=True)
class KeptEmissions:
    """What the backbone gave for gold tokens, so that only the CRF has to run for each temperature.

    pipe (LlamaCrfNer): The component.
    gold (Sequence[Doc]): Annotated Docs.
    emissions (Sequence[ndarray]): One array for each.
    """

    pipe: LlamaCrfNer
    gold: Sequence[Doc]
    emissions: Sequence[np.ndarray]

    def scores(self, temperature: float) -> np.ndarray:
        """RETURNS (ndarray): Float64, shape (N,): the predicted entities' scores at a temperature."""
        spans = self.pipe.decode(self.gold, self.emissions, temperature=temperature)
        return np.array([span.score for row in spans for span in row], dtype=np.float64)

    def right(self) -> np.ndarray:
        """RETURNS (ndarray): Bool, shape (N,): whether each predicted entity is one of gold."""
        labels = self.pipe.labels
        spans = self.pipe.decode(self.gold, self.emissions, temperature=1.0)
        return np.array(
            [
                (span.start, span.end, labels[span.label]) in gold
                for row, gold in zip(spans, map(_entities, self.gold), strict=True)
                for span in row
            ],
            dtype=bool,
        )

    def examples(self, temperature: float) -> list[Example]:
        """RETURNS (list[Example]): The component's predictions on the gold tokens, and gold."""
        docs = [
            Doc(doc.vocab, words=[t.text for t in doc], spaces=[bool(t.whitespace_) for t in doc])
            for doc in self.gold
        ]
        self.pipe.set_annotations(docs, self.pipe.decode(docs, self.emissions, temperature=temperature))
        return [Example(doc, gold) for doc, gold in zip(docs, self.gold, strict=True)]


def keep_emissions(
    nlp: Language, pipe: LlamaCrfNer, gold: Sequence[Doc], *, batch_size: int
) -> KeptEmissions:
    """Run the backbone once, after the components before it (such as a sentencizer), on the gold tokens alone.

    nlp (Language): The pipeline.
    pipe (LlamaCrfNer): Its component, trained.
    gold (Sequence[Doc]): Annotated Docs.
    batch_size (int): Docs read at once.
    RETURNS (KeptEmissions): With float32 emissions.
    RAISES (ValueError): If a component before it changed the tokens.
    """
    rest = nlp.pipe_names[nlp.pipe_names.index(pipe.name) :]
    examples, _ = predict(nlp, gold, batch_size=batch_size, disable=rest)
    batches = minibatch((example.predicted for example in examples), batch_size)
    emissions = [rows for batch in batches for rows in pipe.model.predict(list(batch))]
    return KeptEmissions(pipe, gold, emissions)


def find_component(nlp: Language) -> LlamaCrfNer:
    """Find the pipeline's `llama_crf_ner`, under whatever name.

    nlp (Language): The pipeline.
    RETURNS (LlamaCrfNer): The component; with weights.
    RAISES (ValueError): If there is none, there are several, or it was not trained.
    """
    found = [pipe for _, pipe in nlp.pipeline if isinstance(pipe, LlamaCrfNer)]
    if len(found) != 1:
        raise ValueError(
            f"The pipeline has {len(found)} components llama_crf_ner among {', '.join(nlp.pipe_names) or 'none'}; "
            "expected one, whose scores are to be calibrated."
        )
    if found[0].shim.is_empty:
        raise ValueError(f"The component {found[0].name} has no weights: train the pipeline first.")
    return found[0]


def calibrate(
    nlp: Language,
    dev: Sequence[Doc],
    *,
    test: Sequence[Doc] | None = None,
    batch_size: int,
    if_possible: bool = False,
) -> dict[str, Any]:
    """Fit the temperature on one corpus and set it in the component. An earlier one makes no difference.

    nlp (Language): A trained pipeline; its component's own predictions are measured, on gold tokens.
    dev (Sequence[Doc]): Annotated Docs to fit on; neither those that were trained on nor those to test on.
    test (Sequence[Doc] | None): Annotated Docs to measure on.
    batch_size (int): Docs read at once.
    if_possible (bool): Leave the temperature at 1 where there is too little to fit on.
    RETURNS (dict): `temperature`; `warning` if it could not be fitted; `dev`, and `test` if it was given, each with
        `before` (at temperature 1) and `after`: what `measure_calibration` returns, and the entities' `f1`, a fraction
        from 0 to 1.
    RAISES (ValueError): If there is no such component.
    RAISES (CannotFitError): If there is too little to fit on, unless `if_possible`.
    """
    pipe = find_component(nlp)
    kept = keep_emissions(nlp, pipe, dev, batch_size=batch_size)
    warning = None
    try:
        temperature = fit_temperature(kept.scores, kept.right())
    except CannotFitError as error:
        if not if_possible:
            raise
        temperature, warning = 1.0, f"{error} The temperature stays 1."
    result: dict[str, Any] = {"temperature": temperature, "dev": _before_and_after(kept, temperature)}
    if warning:
        result["warning"] = warning
    if test is not None:
        kept = keep_emissions(nlp, pipe, test, batch_size=batch_size)
        result["test"] = _before_and_after(kept, temperature)
    pipe.temperature = temperature
    return result


def _before_and_after(kept: KeptEmissions, temperature: float) -> dict[str, Any]:
    measured = {}
    for name, value in (("before", 1.0), ("after", temperature)):
        examples = kept.examples(value)
        measured[name] = {**measure_calibration(examples), "f1": spacy_scores(examples)["ents_f"]}
    return measured


def _entities(doc: Doc) -> set[tuple[int, int, str]]:
    return {(ent.start, ent.end, ent.label_) for ent in doc.ents}
