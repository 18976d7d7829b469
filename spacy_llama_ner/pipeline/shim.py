"""The joint between spaCy and the torch network: the one module of `pipeline` that calls `network`.

Not thinc's PyTorchShim: that one toggles training mode around each call (wrong results under threads), casts to
CUDA float16 only, and trains through numpy gradients; here an update is one torch graph from end to end.
The network's modules are imported when they are first needed, never with spaCy.
"""

import logging
import os
import tempfile
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import srsly
from spacy.tokens import Doc, Span
from thinc.api import Optimizer, get_torch_default_device
from thinc.shims import Shim

from spacy_llama_ner.network.types import (
    BackboneSource,
    DivergedError,
    NetworkSettings,
    PieceBatch,
    ScoredSpan,
)
from spacy_llama_ner.pipeline.scores import install_extension
from spacy_llama_ner.pipeline.settings import RunSettings
from spacy_llama_ner.pipeline.stepping import step_weights
from spacy_llama_ner.pipeline.windows import make_windows

if TYPE_CHECKING:
    from spacy_llama_ner.network.loss import CompoundLoss, LossTerms
    from spacy_llama_ner.network.network import TaggingNetwork

logger = logging.getLogger("spacy_llama_ner")

# Larger pipelines do not travel as bytes: msgpack and pickle would hold several copies of them in memory.
MAX_BYTES = 2**30


class NetworkShim(Shim):
    """Holds the torch network; empty until `initialize` or `load`.

    source (BackboneSource): Where the backbone comes from.
    settings (NetworkSettings): How the network is built.
    get_spans (Callable): How docs are split into windows.
    running (RunSettings): How it is run and trained.
    """

    def __init__(
        self,
        source: BackboneSource,
        settings: NetworkSettings,
        get_spans: Callable[[list[Doc]], list[list[Span]]],
        running: RunSettings,
    ) -> None:
        super().__init__(None)
        self.source = source
        self.settings = settings
        self.get_spans = get_spans
        self.running = running
        self.updates = 0
        self._warned = False  # of steps without annotation
        self.last_step: dict[str, float] = {}
        self._clear_step()

    @property
    def network(self) -> "TaggingNetwork":
        """The network. RAISES (ValueError): If there is none yet."""
        if self._model is None:
            raise ValueError("the network has no weights yet: call initialize() or load a trained pipeline")
        return self._model

    @property
    def is_empty(self) -> bool:
        """Whether there are no weights yet."""
        return self._model is None

    def reset(self) -> None:
        """Drop the weights."""
        self._model = None
        self._clear_step()

    def initialize(self, labels: Sequence[str]) -> None:
        """Load the backbone, and put new adapters, head and CRF on it.

        labels (Sequence[str]): Entity labels, in order.
        RAISES (ValueError): If the backbone cannot be loaded or does not fit the settings.
        """
        from spacy_llama_ner.network.network import TaggingNetwork

        with Shim.global_id_lock:  # optimizers keep moments by it: new weights do not inherit them
            Shim.global_id += 1
            self.id = Shim.global_id
        device = get_torch_default_device()
        self._install(TaggingNetwork.build(self.source, labels, self.settings, device=device))

    def predict(self, docs: Sequence[Doc]) -> list[np.ndarray]:
        """Compute emissions: one float32 array of shape (T, K) per doc, T counting words.

        RAISES (ValueError): If they are not finite, or too large for the CRF.
        """
        self._check_process()
        try:
            return self.network.predict(self.windows(docs), max_batch_pieces=self.running.max_batch_pieces)
        except DivergedError as error:
            if self.updates:
                raise self._diverged(f"{error} after update {self.updates - 1}") from error
            raise ValueError(
                f"{error}: these weights come from a training that diverged, or overflow by themselves. "
                "Load an earlier state, such as "
                f"model-best, or train again with a lower learning rate{self._dtype_hint()}"
            ) from error

    def decode(self, emissions: Sequence[np.ndarray], *, temperature: float = 1.0) -> list[list[ScoredSpan]]:
        """Find the entities in emissions, with their probabilities; see `TaggingNetwork.decode`."""
        return self.network.decode(emissions, temperature=temperature)

    def update(
        self, docs: Sequence[Doc], allowed: Sequence[np.ndarray], loss: "CompoundLoss", *, drop: float
    ) -> "LossTerms":
        """Add the gradient of a batch to that of the current step.

        docs (Sequence[Doc]): The batch.
        allowed (Sequence[ndarray]): Bool, shape (T, K) per doc: the tags each word may have.
        loss (CompoundLoss): The loss.
        drop (float): Dropout rate; see `TaggingNetwork.training_mode`.
        RETURNS (LossTerms): Sums over known words.
        RAISES (ValueError): If scores or loss are not finite.
        """
        if steps := self.running.gradual_unfreezing_steps:
            self.network.train_groups(1 + self.updates // steps)
        with self.network.training_mode(drop):
            try:
                terms = self.network.loss(
                    self.windows(docs), allowed, loss, max_batch_pieces=self.running.max_batch_pieces
                )
            except DivergedError as error:
                raise self._diverged(f"{error} in update {self.updates}") from error
            total = terms.total.item()
            if not np.isfinite(total):
                raise self._diverged(f"the loss became {total} in update {self.updates}")
            terms.total.backward()
        self._known += terms.known_tokens
        for name, value in (
            ("loss", total),
            ("cross_entropy", terms.cross_entropy.item()),
            ("crf", terms.crf.item()),
            ("label_smoothing", terms.label_smoothing.item()),
        ):
            self._sums[name] = self._sums.get(name, 0.0) + value
        return terms

    def loss_and_gradient(
        self, emissions: Sequence[np.ndarray], allowed: Sequence[np.ndarray], loss: "CompoundLoss"
    ) -> tuple[float, list[np.ndarray]]:
        """Compute the loss of given emissions and its gradient, without touching the weights' gradients.

        emissions, allowed (Sequence[ndarray]): Float32 and bool, shape (T, K) per doc.
        loss (CompoundLoss): The loss.
        RETURNS (Tuple[float, List[ndarray]]): The sum over known words, and its gradient per doc.
        """
        import torch

        leaves = [torch.tensor(rows, device=self.network.device, requires_grad=True) for rows in emissions]
        total = self.network.loss_of(leaves, allowed, loss).total
        gradients = torch.autograd.grad(total, leaves, allow_unused=True)
        arrays = [
            np.zeros_like(rows) if gradient is None else gradient.cpu().numpy()
            for rows, gradient in zip(emissions, gradients, strict=True)
        ]
        return float(total.detach()), arrays

    def finish_update(self, optimizer: Optimizer) -> None:
        """Step the weights with the mean gradient over all known words since the last step.

        optimizer (Optimizer): thinc's. Weight decay is applied to matrices, not to biases or the CRF.
        RAISES (ValueError): If the gradient is not finite.
        """
        import torch

        if self._model is None:
            return
        named = [
            (name, weight) for name, weight in self.network.named_parameters() if weight.grad is not None
        ]
        if self._known and named:
            weights = [weight for _, weight in named]
            for weight in weights:
                weight.grad.div_(self._known)  # type: ignore[union-attr]
            norm = float(torch.nn.utils.clip_grad_norm_(weights, self.running.max_grad_norm or float("inf")))
            if not np.isfinite(norm):
                raise self._diverged(f"the gradient became {norm} in update {self.updates}")
            self.last_step = {name: total / self._known for name, total in self._sums.items()}
            self.last_step |= {
                "words": self._known,
                "grad_norm": norm,
                "learn_rate": float(optimizer.learn_rate),
            }
            step_weights(
                optimizer,
                named,
                owner=self.id,
                head_scale=self.running.head_learn_rate_scale,
                backbone_scale=self.running.backbone_learn_rate_scale,
            )
        elif named and not self._warned:
            self._warned = True
            logger.warning(
                "No word of update %d has a known tag, so nothing was learned from it: its docs lack annotation of "
                "entities (ENT_IOB and ENT_TYPE). This is said once.",
                self.updates,
            )
        self.updates += 1
        for _, weight in named:
            weight.grad = None
        self._clear_step()

    def to_device(self, device_type: str, device_id: int) -> None:
        """Move the network, as thinc's `Model.to_cpu` and `Model.to_gpu` ask."""
        if self._model is not None:
            self._model.to("cpu" if device_type == "cpu" else get_torch_default_device())

    def save(self, folder: Path) -> None:
        """Write the network to a folder; see `network.storage`."""
        from spacy_llama_ner.network.storage import save_network

        save_network(self.network, folder, save_inside=self.source.save_inside)

    def load(self, folder: Path, labels: Sequence[str]) -> None:
        """Read the network from a folder; see `network.storage`."""
        from spacy_llama_ner.network.storage import load_network

        network = load_network(
            folder,
            source=self.source,
            labels=list(labels),
            settings=self.settings,
            device=get_torch_default_device(),
        )
        self._install(network)

    def to_bytes(self) -> bytes:
        """Serialize head and adapters, and the backbone if it is saved inside. Empty if there are no weights.

        RAISES (ValueError): If that is more than 1 GiB.
        """
        if self._model is None:
            return srsly.msgpack_dumps({})
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary) / "network"
            self._check_size()
            self.save(folder)
            files = {
                path.relative_to(folder).as_posix(): path.read_bytes()
                for path in folder.rglob("*")
                if path.is_file()
            }
        return srsly.msgpack_dumps({"labels": self.network.labels, "files": files})

    def from_bytes(self, data: bytes) -> "NetworkShim":
        """Restore what `to_bytes` gave."""
        message = srsly.msgpack_loads(data)
        if not message:
            self._model = None
            return self
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary) / "network"
            for name, content in message["files"].items():
                path = (folder / name).resolve()
                if not path.is_relative_to(folder.resolve()):
                    raise ValueError(
                        f"the bytes hold a file {name!r} outside of the network's folder; refused"
                    )
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
            self.load(folder, message["labels"])
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (self.source, self.settings, self.get_spans, self.running, self.to_bytes())

    def windows(self, docs: Sequence[Doc]) -> PieceBatch:
        """RETURNS (PieceBatch): The docs, as the backbone reads them. RAISES (ValueError): If there is none yet."""
        return make_windows(
            docs,
            self.get_spans,
            self.network.tokenizer,
            special_pieces=self._special_pieces,
            misread_pieces=self._misread_pieces,
            max_pieces=self._max_pieces,
        )

    def _install(self, network: "TaggingNetwork") -> None:
        from spacy_llama_ner.network.backbone import longest_window, misread_pieces, special_pieces
        from spacy_llama_ner.network.reading import ReadingSettings

        _survive_fork()
        network.set_checkpointing(self.running.gradient_checkpointing)
        network.read_with(
            ReadingSettings(
                dtype=self.running.predict_dtype,
                merge=self.running.merge_to_predict,
                compile=self.running.compile_to_predict,
            )
        )
        network.cache_frozen_layers(self.running.cache_frozen_layers)
        self._model = network
        self._process = os.getpid()
        self._special_pieces = special_pieces(network.tokenizer)
        self._misread_pieces = misread_pieces(network.tokenizer)
        self._max_pieces = longest_window(network.trunk, network.tokenizer, self.running.max_window_pieces)
        self._clear_step()
        self.updates = 0

    def _check_process(self) -> None:
        """Stop with one error where torch would raise one that says nothing of spaCy, or hang."""
        device = self.network.device.type
        if device != "cpu" and os.getpid() != self._process:
            raise ValueError(
                f"n_process is above 1, but this pipeline is on a GPU ({device}), which a forked process cannot use. "
                "Set n_process=1 and a larger batch_size, such as nlp.pipe(texts, batch_size=256); or load the "
                "pipeline after spacy.require_cpu() for several processes on the CPU"
            )

    def _diverged(self, what: str) -> ValueError:
        rate = f" (it was {self.last_step['learn_rate']:g})" if self.updates and self.last_step else ""
        return ValueError(f"{what}: training diverges. Lower the learning rate{rate}{self._dtype_hint()}")

    def _dtype_hint(self) -> str:
        narrow = self.source.dtype == "float16"
        return '; or set backbone.dtype = "bfloat16", as float16 overflows early' if narrow else ""

    def _clear_step(self) -> None:
        self._known = 0
        self._sums: dict[str, float] = {}

    def _check_size(self) -> None:
        from spacy_llama_ner.network.storage import is_inside
        from spacy_llama_ner.network.unfreezing import base_parameters

        inside = is_inside(self.network, self.source.save_inside)
        weights = base_parameters(self.network.trunk)
        trained = {name for group in self.network.unfrozen for name in group}
        size = sum(weight.nbytes for name, weight in weights.items() if inside or name in trained)
        if size > MAX_BYTES:
            raise ValueError(
                f"the backbone's weights ({size / 2**30:.1f} GiB) that are saved inside the pipeline are too large for "
                "to_bytes() and pickle; use nlp.to_disk(), or save_inside = false in the backbone's config block"
            )


def _restore(
    source: BackboneSource,
    settings: NetworkSettings,
    get_spans: Callable[[list[Doc]], list[list[Span]]],
    running: RunSettings,
    data: bytes,
) -> NetworkShim:
    install_extension()  # a process that only unpickles never calls the factory
    return NetworkShim(source, settings, get_spans, running).from_bytes(data)


@cache
def _survive_fork() -> None:
    """Make forked children use one torch thread: they hang for good if their parent has used several.

    Once, and only in processes that hold a network: it must not change what others do with torch.
    """
    import torch

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=lambda: torch.set_num_threads(1))
