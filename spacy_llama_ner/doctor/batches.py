"""The batches that training will read: how many there are, and how large the backbone sees them."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from spacy.tokens import Doc
from spacy.training import Example
from spacy.training.loop import subdivide_batch

from spacy_llama_ner.doctor.memory import BatchShape
from spacy_llama_ner.doctor.plan import Plan
from spacy_llama_ner.network.types import PieceBatch
from spacy_llama_ner.pipeline.windows import make_windows

if TYPE_CHECKING:
    from transformers import PreTrainedModel
    from transformers.tokenization_utils_fast import PreTrainedTokenizerFast

STREAMED = 2_000  # docs that are read of a corpus that is never read whole
USUAL = 64  # pieces of a window of newswire that is long among 8


@dataclass(frozen=True, slots=True)
class Epoch:
    """One pass over the training corpus.

    batches (List[List[Example]]): In a random order, as training has them.
    steps (Optional[int]): How many there are; None for a corpus that is streamed.
    """

    batches: list[list[Example]]
    steps: int | None


class PieceReader:
    """Docs to pieces, as the component will read them.

    tokenizer (PreTrainedTokenizerFast): From `load_tokenizer`.
    trunk (PreTrainedModel): For its longest window; may be without weights.
    plan (Plan): For spans and limits.
    """

    def __init__(self, tokenizer: "PreTrainedTokenizerFast", trunk: "PreTrainedModel", plan: Plan) -> None:
        from spacy_llama_ner.network.backbone import longest_window, misread_pieces, special_pieces

        self.tokenizer = tokenizer
        self._running, self._dtype = plan.shim.running, plan.shim.source.dtype
        self._get_spans = plan.shim.get_spans
        self._special = special_pieces(tokenizer)
        self._misread = misread_pieces(tokenizer)
        self._longest = longest_window(trunk, tokenizer, self._running.max_window_pieces)

    def read(self, docs: Sequence[Doc]) -> PieceBatch:
        """RETURNS (PieceBatch): The docs' windows."""
        return make_windows(
            docs,
            self._get_spans,
            self.tokenizer,
            special_pieces=self._special,
            misread_pieces=self._misread,
            max_pieces=self._longest,
        )

    def shape(self, docs: Sequence[Doc]) -> BatchShape:
        """RETURNS (BatchShape): Of one batch, with the padding that it gets."""
        import torch
        from thinc.api import get_torch_default_device

        from spacy_llama_ner.network.batching import backbone_groups

        batch = self.read(docs)
        lengths, budget = [len(window) for window in batch.windows], self._running.max_batch_pieces
        dtype = getattr(torch, self._dtype)
        groups = backbone_groups(lengths, budget, get_torch_default_device(), dtype)
        padded = sum(len(group) * max(lengths[index] for index in group) for group in groups)
        return BatchShape(len(lengths), max(lengths, default=0), padded, sum(batch.doc_lengths))


def read_epoch(plan: Plan) -> Epoch:
    """Read the training corpus and part it into batches, as `spacy train` does.

    plan (Plan): Its corpus, batcher, seed.
    RETURNS (Epoch): The first epoch, though not in the very order that training will have.
    RAISES (ValueError): If there is nothing in the corpus.
    """
    streamed = plan.training["max_epochs"] < 0
    examples = []
    for example in plan.reader("train_corpus")(plan.nlp):
        examples.append(example)
        if streamed and len(examples) == STREAMED:
            break
    if not examples:
        raise ValueError(
            "the training corpus has no docs: convert it again, or look at max_length in its reader"
        )
    random.Random(plan.training["seed"] or 0).shuffle(examples)
    batches = [list(batch) for batch in plan.training["batcher"](examples)]
    return Epoch(batches, None if streamed or plan.sampled else len(batches))


def batch_shapes(epoch: Epoch, reader: PieceReader, *, accumulate: int) -> tuple[BatchShape, BatchShape]:
    """Measure every batch.

    epoch (Epoch): At least one batch.
    reader (PieceReader): Tells the pieces.
    accumulate (int): `accumulate_gradient`: so many parts of a batch are read one after the other.
    RETURNS (Tuple[BatchShape, BatchShape]): The one in the middle by its pieces, and the largest.
    """
    parts = [
        reader.shape([example.predicted for example in part])
        for batch in epoch.batches
        for part in subdivide_batch(batch, accumulate)
    ]
    ordered = sorted(parts, key=lambda shape: shape.pieces)
    return ordered[len(ordered) // 2], ordered[-1]


def assumed_shapes(epoch: Epoch, plan: Plan) -> tuple[BatchShape, BatchShape]:
    """Assume batches where there is no tokenizer to ask, or no corpus.

    epoch (Epoch): For the docs of a batch.
    plan (Plan): For the longest window.
    RETURNS (Tuple[BatchShape, BatchShape]): Windows of `USUAL` pieces, and of as many as a window may have.
    """
    docs = max(map(len, epoch.batches)) // plan.training["accumulate_gradient"] or 1
    longest = plan.shim.running.max_window_pieces
    # On CoNLL-2003's train, the longest of 8 sentences has 49 in the median, even of llama-mini's short pieces.
    usual = min(USUAL, longest)
    return tuple(BatchShape(docs, row, docs * row, docs * row) for row in (usual, longest))  # type: ignore[return-value]
