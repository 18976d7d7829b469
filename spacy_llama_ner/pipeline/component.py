"""The component `llama_crf_ner`."""

import logging
import shutil
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import srsly
from spacy import util
from spacy.errors import Errors
from spacy.language import Language
from spacy.pipeline.trainable_pipe import TrainablePipe
from spacy.tokens import Doc, Span
from spacy.training import Example, validate_examples, validate_get_examples
from spacy.vocab import Vocab
from thinc.api import Model, Optimizer

from spacy_llama_ner.network.types import ScoredSpan
from spacy_llama_ner.pipeline.checks import check_labels, check_loss, check_temperature
from spacy_llama_ner.pipeline.scores import install_extension, store_scores
from spacy_llama_ner.pipeline.shim import NetworkShim
from spacy_llama_ner.pipeline.targets import allowed_tags
from spacy_llama_ner.pipeline.words import word_indices
from spacy_llama_ner.replacement import write_whole

if TYPE_CHECKING:
    from spacy_llama_ner.network.loss import CompoundLoss

logger = logging.getLogger("spacy_llama_ner")


class LlamaCrfNer(TrainablePipe):
    """Recognize named entities with a Llama backbone, LoRA and a CRF.

    Sets `doc.ents`, `ent._.score`, and `doc.spans["llama_crf_ner"]` (the component's name) with all predictions and
    their scores.

    vocab (Vocab): The shared vocabulary.
    model (Model): From `spacy_llama_ner.LlamaCrfTagger.v1`.
    compound_loss (CompoundLoss): What training minimizes.
    name (str): The component's name in the pipeline.
    overwrite (bool): True replaces all entities that a doc already has. False keeps them, and the predictions
        that overlap with none of them, nor with a token blocked for entities, are added.
    scorer (Optional[Callable]): Scores examples; by default as spaCy's own `ner`.
    """

    def __init__(
        self,
        vocab: Vocab,
        model: Model[list[Doc], list[np.ndarray]],
        compound_loss: "CompoundLoss",
        name: str = "llama_crf_ner",
        *,
        overwrite: bool = False,
        scorer: Callable | None = None,
    ) -> None:
        self.vocab = vocab
        self.model = model
        self.name = name
        self.compound_loss = compound_loss
        self.scorer = scorer
        self.cfg: dict[str, Any] = {"labels": [], "overwrite": overwrite, "temperature": 1.0}
        self._saved_weights: bool | None = None  # whether the folder that is being loaded has weights
        if not any(isinstance(shim, NetworkShim) for shim in model.shims):
            raise ValueError(
                f"{name}: model is {model.name!r}; expected the architecture spacy_llama_ner.LlamaCrfTagger.v1"
            )
        check_loss(name, compound_loss, use_crf=self.shim.settings.use_crf)
        install_extension()

    @property
    def shim(self) -> NetworkShim:
        """What holds the network."""
        return cast(NetworkShim, self.model.shims[0])

    @property
    def labels(self) -> tuple[str, ...]:
        """The entity labels, in the order of the tags."""
        return tuple(self.cfg["labels"])

    @property
    def label_data(self) -> list[str]:
        """What `spacy init labels` writes and `[initialize]` takes: the labels."""
        return list(self.labels)

    @property
    def temperature(self) -> float:
        """What divides the network's scores when `ent._.score` is computed; the entities do not depend on it.

        1 until the command `calibrate`, or you, set it. Saved with the pipeline. It belongs to the weights it was
        fitted for: `initialize` and `update` put it back to 1.
        RAISES (ValueError): If it is set to what is no number from 0.001 to 1000.
        """
        return self.cfg["temperature"]

    @temperature.setter
    def temperature(self, value: float) -> None:
        self.cfg["temperature"] = check_temperature(value)

    @property
    def last_step(self) -> dict[str, float]:
        """The last optimizer step's loss terms, as means over its known words; see the logger."""
        return self.shim.last_step

    def add_label(self, label: str) -> int:
        """Add an entity label, before the component is initialized.

        label (str): Such as "PER".
        RETURNS (int): 0 if it is already there, otherwise 1.
        RAISES (ValueError): If it is no text or empty, or the weights already exist.
        """
        if not isinstance(label, str):
            raise ValueError(Errors.E187)
        if not label.strip():
            raise ValueError(f"{self.name}: a label is empty; expected a text such as 'PER'")
        if label in self.labels:
            return 0
        self._allow_extra_label()
        self.cfg["labels"].append(label)
        self.vocab.strings.add(label)
        return 1

    def _allow_extra_label(self) -> None:
        # spaCy's own compares the output dimension with the number of labels; here it counts tags.
        if not self.shim.is_empty:
            raise ValueError(Errors.E922.format(name=self.name, nO=self.model.maybe_get_dim("nO")))

    def initialize(
        self,
        get_examples: Callable[[], Iterable[Example]],
        *,
        nlp: Language | None = None,
        labels: Sequence[str] | None = None,
    ) -> None:
        """Load the backbone and make new adapters, head and CRF.

        get_examples (Callable): Returns a representative sample of examples.
        nlp (Optional[Language]): The pipeline.
        labels (Optional[Sequence[str]]): Labels in the order the tags shall have. If not given, they are
            collected from the examples and sorted.
        RAISES (ValueError): If there are no labels, the examples have others than those given, or the backbone
            cannot be loaded or does not fit.
        """
        validate_get_examples(get_examples, "LlamaCrfNer.initialize")
        if isinstance(labels, str):
            raise ValueError(
                f"{self.name}: labels is the text {labels!r}; expected a list, such as [{labels!r}]"
            )
        if labels is not None:
            check_labels(self.name, labels)
        found = sorted({ent.label_ for eg in get_examples() for ent in eg.reference.ents})
        self.shim.reset()
        self.temperature = 1.0
        for label in found if labels is None else labels:
            self.add_label(label)
        if unknown := [label for label in found if label not in self.labels]:
            raise ValueError(
                f"{self.name}: the examples have entities {', '.join(unknown)}, which are none of the labels given, "
                f"{', '.join(self.labels)}. Name them in labels under [initialize.components.{self.name}] of the "
                "config, or remove that line to collect the labels from the examples"
            )
        if not self.labels:
            raise ValueError(Errors.E143.format(name=self.name))
        self.shim.initialize(self.labels)
        self._set_output_dim()

    def predict(self, docs: Iterable[Doc]) -> list[list[ScoredSpan]]:
        """Find entities without changing the docs.

        docs (Iterable[Doc]): The docs.
        RETURNS (List[List[ScoredSpan]]): Per doc, in order, in tokens.
        RAISES (ValueError): If the component has no weights yet.
        """
        docs = list(docs)
        if self.shim.is_empty:
            raise ValueError(Errors.E109.format(name=self.name))
        return self.decode(docs, self.model.predict(docs), temperature=self.temperature)

    def decode(
        self, docs: Sequence[Doc], emissions: Sequence[np.ndarray], *, temperature: float
    ) -> list[list[ScoredSpan]]:
        """Find the entities in emissions: the part of `predict` after the backbone.

        docs (Sequence[Doc]): The docs.
        emissions (Sequence[ndarray]): Of these docs, from `model.predict`.
        temperature (float): See `temperature`.
        RETURNS (List[List[ScoredSpan]]): See `predict`.
        """
        predictions = self.shim.decode(emissions, temperature=temperature)
        return [
            [
                ScoredSpan(int(words[span.start]), int(words[span.end - 1]) + 1, span.label, span.score)
                for span in spans
            ]
            for words, spans in zip(map(word_indices, docs), predictions, strict=True)
        ]

    def set_annotations(self, docs: Iterable[Doc], predictions: Iterable[list[ScoredSpan]]) -> None:
        """Write entities and scores to docs.

        docs (Iterable[Doc]): The docs.
        predictions (Iterable[List[ScoredSpan]]): From `predict`.
        """
        for doc, spans in zip(docs, predictions, strict=True):
            found = [Span(doc, span.start, span.end, label=self.labels[span.label]) for span in spans]
            store_scores(doc, self.name, found, [span.score for span in spans])
            if self.cfg["overwrite"]:
                doc.set_ents(found, default="outside")
                continue
            kept = list(doc.ents)
            blocked = [
                doc[token.i : token.i + 1] for token in doc if token.ent_iob == 3 and not token.ent_type
            ]
            taken = {token.i for span in [*kept, *blocked] for token in span}
            free = [span for span in found if taken.isdisjoint(range(span.start, span.end))]
            doc.set_ents([*kept, *free], blocked=blocked, default="outside")

    def update(
        self,
        examples: Iterable[Example],
        *,
        drop: float = 0.0,
        sgd: Optimizer | None = None,
        losses: dict[str, float] | None = None,
    ) -> dict[str, float]:
        """Learn from a batch: add its gradient, and step if there is an optimizer.

        examples (Iterable[Example]): The batch.
        drop (float): Dropout rate of the token states; the adapters' own rate holds where it is above 0.
        sgd (Optional[Optimizer]): Steps at once if given; else `finish_update` does.
        losses (Optional[Dict[str, float]]): The weighted loss, summed over known words, is added under the
            component's name.
        RETURNS (Dict[str, float]): The updated losses.
        RAISES (ValueError): If a label is unknown, or scores or loss are not finite.
        """
        losses = {} if losses is None else losses
        losses.setdefault(self.name, 0.0)
        examples = list(examples)
        validate_examples(examples, "LlamaCrfNer.update")
        if self.shim.is_empty:
            raise ValueError(Errors.E109.format(name=self.name))
        examples = [eg for eg in examples if len(eg.predicted)]
        if examples:
            allowed = [allowed_tags(eg, self.labels) for eg in examples]
            terms = self.shim.update(
                [eg.predicted for eg in examples], allowed, self.compound_loss, drop=drop
            )
            losses[self.name] += terms.total.item()
            self._forget_temperature()
        if sgd not in (None, False):
            self.finish_update(sgd)
        return losses

    def get_loss(
        self, examples: Iterable[Example], scores: list[np.ndarray]
    ) -> tuple[float, list[np.ndarray]]:
        """Compute the loss of emissions and its gradient, without side effects.

        examples (Iterable[Example]): The batch.
        scores (List[ndarray]): Emissions of their predicted docs, from `model.predict`.
        RETURNS (Tuple[float, List[ndarray]]): The loss summed over known words, and its gradient.
        """
        examples = list(examples)
        validate_examples(examples, "LlamaCrfNer.get_loss")
        if not examples:
            return 0.0, []
        allowed = [allowed_tags(eg, self.labels) for eg in examples]
        return self.shim.loss_and_gradient(scores, allowed, self.compound_loss)

    def to_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> None:
        """Save to a folder: `cfg`, `vocab` and the folder `model`; see `network.storage`.

        path (str / Path): The folder.
        exclude (Iterable[str]): Names of parts to leave out.
        """
        # In this order `cfg` never speaks of weights that are not there, when a save over another one is killed or the
        # disk is full.
        parts = ("cfg", "model") if self.shim.is_empty else ("model", "cfg")
        writers = {"cfg": self._save_cfg, "model": self._save_model}
        serialize: dict[str, Callable[[Path], Any]] = {
            **{part: writers[part] for part in parts},
            "vocab": lambda folder: self.vocab.to_disk(folder, exclude=exclude),
        }
        util.to_disk(path, serialize, exclude)

    def from_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> "LlamaCrfNer":
        """Load from a folder, ready to predict or to be trained on.

        path (str / Path): Written by `to_disk`.
        exclude (Iterable[str]): Names of parts to leave out.
        RETURNS (LlamaCrfNer): Itself.
        RAISES (ValueError): If a file is missing, cut or changed, or does not fit the config.
        """
        deserialize: dict[str, Callable[[Path], Any]] = {
            "cfg": self._load_cfg,
            "vocab": lambda folder: self.vocab.from_disk(folder, exclude=exclude),
            "model": self._load_model,
        }
        util.from_disk(path, deserialize, exclude)
        return self

    def _save_cfg(self, file: Path) -> None:
        cfg = {**self.cfg, "initialized": not self.shim.is_empty}
        write_whole(file, srsly.json_dumps(cfg, indent=2).encode())

    def _save_model(self, folder: Path) -> None:
        if not self.shim.is_empty:
            self.shim.save(folder)
        elif folder.exists():  # weights that another pipeline left there are not this one's
            shutil.rmtree(folder)

    def _load_model(self, folder: Path) -> None:
        self.shim.reset()
        if self._saved_weights or (self._saved_weights is None and folder.exists()):
            self.shim.load(folder, self.labels)
            self._set_output_dim()

    def _load_cfg(self, file: Path) -> None:
        try:
            cfg = srsly.read_json(file)
            labels, self._saved_weights = cfg["labels"], bool(cfg["initialized"])
            temperature = check_temperature(cfg.get("temperature", 1.0))  # older pipelines have none
            if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
                raise ValueError(f"labels are {labels!r}, expected a list of texts")
        except (ValueError, OSError, KeyError, TypeError) as error:
            raise ValueError(
                f"{file} is missing or damaged ({error}); save or install the pipeline again"
            ) from error
        self.cfg.update(labels=labels, temperature=temperature)
        for label in labels:
            self.vocab.strings.add(label)

    def _forget_temperature(self) -> None:
        if self.temperature != 1.0:
            logger.warning(
                "%s: training changes the weights that the temperature %.4g was fitted for; it is 1 again. Calibrate "
                "the trained pipeline",
                self.name,
                self.temperature,
            )
            self.temperature = 1.0

    def _set_output_dim(self) -> None:
        self.model.set_dim("nO", 1 + 2 * len(self.labels), force=True)
