"""The whole network: pieces in, emissions out; loss to train on, entities to read."""

import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, cast

import numpy as np
import torch
from peft import PeftModel
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.tokenization_utils_fast import PreTrainedTokenizerFast

from spacy_llama_ner.network.adapters import add_lora
from spacy_llama_ner.network.attention import set_attention
from spacy_llama_ner.network.backbone import (
    BackboneReference,
    fingerprint,
    largest_piece,
    load_backbone,
    load_tokenizer,
)
from spacy_llama_ner.network.batching import (
    backbone_groups,
    cheapest_groups,
    move,
    pad_docs,
    pad_ids,
)
from spacy_llama_ner.network.checkpointing import enter_training, set_checkpointing
from spacy_llama_ner.network.crf import CRF
from spacy_llama_ner.network.frozen_layers import FrozenLayers, check_frozen, first_trained_layer
from spacy_llama_ner.network.identity import shaping_config
from spacy_llama_ner.network.loss import CompoundLoss, LossTerms
from spacy_llama_ner.network.pooling import choose_pieces, pool
from spacy_llama_ner.network.quantization import follow_weights, quantize_trunk
from spacy_llama_ner.network.reading import ReadingBackbone, ReadingSettings
from spacy_llama_ner.network.tags import (
    begin_tag,
    inside_tag,
    legal_starts,
    legal_transitions,
    tag_names,
    tags_to_spans,
)
from spacy_llama_ner.network.types import (
    BackboneSource,
    DivergedError,
    NetworkSettings,
    PieceBatch,
    ScoredSpan,
)
from spacy_llama_ner.network.unfreezing import train_groups, unfreeze

# Most tokens of a padded batch of docs that the CRF reads at once; 2^18 tokens of 9 tags in float64 are 19 MB.
MAX_CRF_TOKENS = 2**18
# The CRF takes a score of -1e30 for "not allowed".
MAX_SCORE = 1e24


class TaggingNetwork(nn.Module):
    """Backbone, linear head and CRF.

    It stays in evaluation mode but in `training_mode`. So several threads may predict at once.

    trunk (PreTrainedModel): From `load_trunk`; attention is set here, adapters are added here.
    tokenizer (PreTrainedTokenizerFast): From `load_tokenizer`.
    labels (Sequence[str]): L entity labels; the tags are O, then B- and I- of each label in this order.
    settings (NetworkSettings): How to build and train it.
    reference (BackboneReference): What to remember of the trunk.
    RAISES (ValueError): If the trunk does not fit the settings.
    """

    def __init__(
        self,
        trunk: PreTrainedModel,
        tokenizer: PreTrainedTokenizerFast,
        labels: Sequence[str],
        settings: NetworkSettings,
        reference: BackboneReference,
    ) -> None:
        super().__init__()
        embeddings = cast(nn.Embedding, trunk.get_input_embeddings()).num_embeddings
        if (largest := largest_piece(tokenizer)) >= embeddings:  # it would be an IndexError, or a dead GPU
            raise ValueError(
                f"the tokenizer gives pieces up to number {largest} and the backbone {reference.name!r} has "
                f"{embeddings} embeddings: they do not belong together. Put the backbone's own tokenizer.json "
                "beside its weights"
            )
        self.labels = list(labels)
        self.settings = settings
        self.tokenizer = tokenizer
        self.reference = reference
        set_attention(trunk, settings.attention)
        trunk.requires_grad_(False)
        self.backbone: PreTrainedModel | PeftModel = trunk
        if settings.peft == "lora":
            self.backbone = add_lora(trunk, settings)
        self._compute_dtype = trunk.dtype  # before some weights become float32
        # Llama would fill a cache for texts that go on; some models know none.
        self._options = (
            {"use_cache": False} if "use_cache" in inspect.signature(trunk.forward).parameters else {}
        )
        self.unfrozen = unfreeze(trunk, settings)
        self._reading_settings = ReadingSettings()
        self._reading: ReadingBackbone | None = None
        self.frozen_layers: FrozenLayers | None = None
        self.dropout = nn.Dropout(0.0)
        n_tags = len(tag_names(labels))
        self.head = nn.Linear(trunk.config.hidden_size, n_tags)
        self.crf = CRF(
            n_tags,
            legal_starts=legal_starts(len(self.labels)),
            legal_transitions=legal_transitions(len(self.labels)),
        )
        if not settings.use_crf:  # then it only keeps tags legal: all scores zero, never trained
            for parameter in self.crf.parameters():
                nn.init.zeros_(parameter).requires_grad_(False)
        self.eval()

    @classmethod
    def build(
        cls,
        source: BackboneSource,
        labels: Sequence[str],
        settings: NetworkSettings,
        *,
        device: torch.device | None = None,
    ) -> "TaggingNetwork":
        """Load the backbone and put new adapters, head and CRF on it.

        source (BackboneSource): Where the backbone comes from.
        labels (Sequence[str]): Entity labels, in order.
        settings (NetworkSettings): How to build and train it.
        device (Optional[device]): Where it goes; None for the CPU.
        RETURNS (TaggingNetwork): On the device.
        RAISES (ValueError): If the backbone cannot be loaded or does not fit the settings.
        """
        trunk = load_backbone(source, settings, device=device)
        commit = getattr(trunk.config, "_commit_hash", None)
        # Of the same commit, even if the branch moves in between.
        tokenizer = load_tokenizer(source.name, revision=source.revision, commit=commit)
        reference = BackboneReference(
            source.name, commit, fingerprint(trunk), source.revision, shaping_config(trunk.config)
        )
        quantize_trunk(trunk, source.quantization)
        return cls(trunk, tokenizer, labels, settings, reference).to(device)

    def to(self, *args: Any, **kwargs: Any) -> "TaggingNetwork":
        """Move the network; see `torch.nn.Module.to`."""
        self._reading = None
        moved = super().to(*args, **kwargs)
        follow_weights(self.trunk)
        return moved

    @property
    def trunk(self) -> PreTrainedModel:
        """The backbone itself, inside its adapters if it has any."""
        backbone = self.backbone
        return backbone.get_base_model() if isinstance(backbone, PeftModel) else backbone  # type: ignore[return-value]

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.head.weight.device

    def emissions(self, batch: PieceBatch, *, max_batch_pieces: int) -> Tensor:
        """Compute each token's score for each tag.

        batch (PieceBatch): D docs with T tokens in all.
        max_batch_pieces (int): Most pieces, padding included, that the backbone reads at once.
        RETURNS (Tensor): Float32, shape (T, K). A token without pieces has the head's bias.
        RAISES (DivergedError): If a score is nan, infinite or too large for the CRF.
        """
        return _checked(self._scores(batch, self._hidden, max_batch_pieces, self._compute_dtype))

    def predict(self, batch: PieceBatch, *, max_batch_pieces: int) -> list[np.ndarray]:
        """Compute emissions for reading, as `read_with` says.

        batch, max_batch_pieces: See `emissions`.
        RETURNS (List[ndarray]): One float32 array of shape (T, K) per doc.
        RAISES (DivergedError): See `emissions`.
        """
        with torch.inference_mode():
            reading = self._reading  # other threads may be here, too
            if reading is None or reading.source is not self.backbone:
                reading = ReadingBackbone(self.backbone, self._reading_settings, self._compute_dtype)
                self._reading = reading
            read = partial(reading.hidden, options=self._options)
            # On the CPU before it is checked: that is the one time that a GPU is waited for.
            scores = self._scores(batch, read, max_batch_pieces, reading.dtype)
            emissions = _checked(scores.cpu()).numpy()
        return np.split(emissions, np.cumsum(batch.doc_lengths)[:-1]) if batch.doc_lengths else []

    def read_with(self, settings: ReadingSettings) -> None:
        """Say how predictions are made from now on; training stays as it is.

        settings (ReadingSettings): Precision, merging, compiling.
        """
        self._reading_settings, self._reading = settings, None

    @contextmanager
    def training_mode(self, drop: float) -> Iterator[None]:
        """Be in training mode, for `loss` and its backward pass: checkpointed layers compute again there what they did.

        drop (float): Dropout rate of the head; 0 turns off the adapters' and the backbone's dropout too.
        """
        self._reading = None  # its weights are going to change
        self.dropout.p = drop
        self.train(drop > 0)
        enter_training(self.trunk)
        try:
            yield
        finally:
            self.eval()

    def loss(
        self,
        batch: PieceBatch,
        allowed: Sequence[np.ndarray],
        compound_loss: CompoundLoss,
        *,
        max_batch_pieces: int,
    ) -> LossTerms:
        """Compute the loss of a batch, with its graph.

        batch (PieceBatch): D docs.
        allowed (Sequence[ndarray]): Bool, one array of shape (T, K) per doc: the tags each token may have.
        compound_loss (CompoundLoss): Weights of the terms.
        max_batch_pieces (int): See `emissions`.
        RETURNS (LossTerms): Sums over known tokens.
        """
        emissions = self.emissions(batch, max_batch_pieces=max_batch_pieces)
        return self.loss_of(list(emissions.split(batch.doc_lengths)), allowed, compound_loss)

    def loss_of(
        self, emissions: Sequence[Tensor], allowed: Sequence[np.ndarray], compound_loss: CompoundLoss
    ) -> LossTerms:
        """Compute the loss of given emissions.

        emissions (Sequence[Tensor]): Float32, one tensor of shape (T, K) per doc.
        allowed (Sequence[ndarray]), compound_loss (CompoundLoss): See `loss`.
        RETURNS (LossTerms): Sums over known tokens.
        """
        padded, mask = pad_docs(emissions)
        targets, _ = pad_docs([torch.from_numpy(rows).to(self.device) for rows in allowed])
        return compound_loss(padded, targets, mask, self.crf, self.settings.use_crf)

    @torch.inference_mode()
    def decode(self, emissions: Sequence[np.ndarray], *, temperature: float = 1.0) -> list[list[ScoredSpan]]:
        """Find the best legal tags and the probability of each entity in them.

        emissions (Sequence[ndarray]): Float32, one array of shape (T, K) per doc.
        temperature (float): Above 0; divides all scores when probabilities are computed, not when the best tags
            are sought.
        RETURNS (List[List[ScoredSpan]]): Per doc, in order; the score is the CRF's marginal probability of
            exactly that entity.
        """
        found: list[list[ScoredSpan]] = [[] for _ in emissions]
        # One recursion costs little more for many docs than for one, so padding is the lesser evil here.
        lengths = [len(rows) for rows in emissions]
        for group in cheapest_groups(lengths, MAX_CRF_TOKENS, start=MAX_CRF_TOKENS):
            padded, mask = pad_docs([torch.from_numpy(emissions[index]) for index in group])
            if padded.shape[1] == 0:
                continue
            spans = [tags_to_spans(tags) for tags in self.crf.decode(padded, mask)]
            tagged = [
                [(start, end, begin_tag(label), inside_tag(label)) for start, end, label in row]
                for row in spans
            ]
            scores = self.crf.span_log_probabilities(padded, mask, tagged, temperature=temperature)
            for index, row, logs in zip(group, spans, scores, strict=True):
                found[index] = [
                    ScoredSpan(*span, score=min(1.0, float(np.exp(log))))
                    for span, log in zip(row, logs, strict=True)
                ]
        return found

    def set_checkpointing(self, enabled: bool) -> None:
        """Turn gradient checkpointing on or off; see `checkpointing`."""
        set_checkpointing(self.trunk, enabled)

    def cache_frozen_layers(self, megabytes: int) -> None:
        """Keep the states of the layers below the first trained one over epochs; see `frozen_layers`.

        megabytes (int): The most that is kept, in 2^20 bytes; 0 for nothing.
        RAISES (ValueError): If the first layer is trained, or the backbone's layers cannot be skipped.
        """
        self.frozen_layers = None
        if megabytes:
            first = first_trained_layer(self.trunk, self.unfrozen)
            frozen = FrozenLayers(self.trunk, first, megabytes)
            check_frozen(frozen, self._states)
            self.frozen_layers = frozen

    def train_groups(self, count: int) -> None:
        """Let the first `count` groups of `unfrozen` learn, and the others not yet."""
        train_groups(self.trunk, self.unfrozen, count)

    def _scores(
        self,
        batch: PieceBatch,
        hidden: Callable[[Tensor, Tensor], Tensor],
        max_batch_pieces: int,
        dtype: torch.dtype,
    ) -> Tensor:
        """RETURNS (Tensor): Emissions (T, K) of the states that `hidden` gives for ids and mask, unchecked.

        dtype (dtype): What it computes in.
        """
        chosen = choose_pieces(batch.token_index, batch.window_index, self.settings.pooling)
        window_index, position = batch.window_index[chosen], batch.position[chosen]
        by_window = np.argsort(window_index, kind="stable")
        starts = np.searchsorted(window_index[by_window], np.arange(len(batch.windows) + 1))
        scores, order = [], []
        lengths = [len(window) for window in batch.windows]
        for group in backbone_groups(lengths, max_batch_pieces, self.device, dtype):
            pieces = [by_window[starts[window] : starts[window + 1]] for window in group]
            flat = np.concatenate(pieces)
            if len(flat) == 0:
                continue
            rows = move(np.repeat(np.arange(len(group)), [len(part) for part in pieces]), self.device)
            ids, mask = pad_ids([batch.windows[window] for window in group], self.device)
            states = hidden(ids, mask)[rows, move(position[flat], self.device)]  # (B, P, H) -> (n, H)
            scores.append(nn.functional.linear(self.dropout(states.float()), self.head.weight))  # (n, K)
            order.append(flat)
        n_tokens = sum(batch.doc_lengths)
        if not scores:
            return self.head.bias.expand(n_tokens, -1)
        tokens = move(batch.token_index[chosen][np.concatenate(order)], self.device)
        return pool(torch.cat(scores), tokens, n_tokens) + self.head.bias  # (T, K)

    def _hidden(self, ids: Tensor, mask: Tensor) -> Tensor:
        """RETURNS (Tensor): The trunk's last states, shape (B, P, H)."""
        if self.frozen_layers is not None and torch.is_grad_enabled():  # in training
            return self.frozen_layers.hidden(self._states, ids, mask)
        return self._states(ids, mask)

    def _states(self, ids: Tensor, mask: Tensor) -> Tensor:
        narrow = self._compute_dtype != torch.float32
        # So that float32 adapters and trained layers compute in the frozen weights' precision, too.
        with torch.autocast(ids.device.type, dtype=self._compute_dtype if narrow else None, enabled=narrow):
            return self.backbone(input_ids=ids, attention_mask=mask, **self._options).last_hidden_state


def _checked(emissions: Tensor) -> Tensor:
    """RETURNS (Tensor): The same. RAISES (DivergedError): If one is nan, infinite or too large for the CRF."""
    if emissions.numel():
        largest = float(emissions.detach().abs().max())  # nan if there is one
        if not largest < MAX_SCORE:
            raise DivergedError(largest)
    return emissions
