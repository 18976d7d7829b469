"""What is learned: the next piece, causally, or masked pieces with attention to both sides.

A share of the batches masks pieces and lets every piece see all others; a masked piece is predicted from the state
before it, so that both kinds train one and the same output (masked next-token prediction). So the weights can write,
and they know bidirectional attention before they are fine-tuned with it.
Sources: BehnamGhader et al. (2024), LLM2Vec, 2.2; Charpentier & Samuel (2024), GPT or BERT: why not both?
"""

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import PreTrainedModel

from spacy_llama_ner.network.attention import BIDIRECTIONAL

# Share of the pieces to be predicted, and what becomes of them: Devlin et al. (2019), BERT, 3.1; the share of 20% is
# the best for small models in Wettig et al. (2023), Should You Mask 15%?, 4.
MASKED_PIECES = 0.2
BECOME_MASK, BECOME_RANDOM = 0.8, 0.1
IGNORED = -100


@dataclass(frozen=True)
class Masking:
    """How pieces are masked.

    mask (int): The id that stands for a masked piece.
    vocab_size (int): Ids below it may stand in as random pieces.
    """

    mask: int
    vocab_size: int

    def __call__(self, ids: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Mask a share of the pieces.

        ids (Tensor): Int64, shape (B, P).
        generator (torch.Generator): Source of chance.
        RETURNS (Tuple[Tensor, Tensor]): The changed ids, and the true ids of the pieces to be predicted, -100
            elsewhere; shape (B, P). The first piece of a row is never chosen: no state stands before it.
        """
        chosen = torch.rand(ids.shape, generator=generator) < MASKED_PIECES
        chosen[:, 0] = False
        fate = torch.rand(ids.shape, generator=generator)
        random = torch.randint(self.vocab_size, ids.shape, generator=generator)
        changed = torch.where(chosen & (fate < BECOME_MASK), self.mask, ids)
        changed = torch.where(chosen & (fate >= 1 - BECOME_RANDOM), random, changed)
        return changed, torch.where(chosen, ids, IGNORED)


class NextPieceLoss(nn.Module):
    """The trunk and its tied output layer, from ids to the mean loss.

    trunk (PreTrainedModel): A Llama without its language-model head.
    """

    def __init__(self, trunk: PreTrainedModel) -> None:
        super().__init__()
        self.trunk = trunk

    def forward(self, ids: Tensor, labels: Tensor, bidirectional: bool) -> dict[str, Tensor]:
        """Predict each labelled piece from the state before it.

        ids (Tensor): Int64, shape (B, P), no padding.
        labels (Tensor): Int64, shape (B, P); -100 is not predicted, nor is the first piece.
        bidirectional (bool): Whether every piece sees all others.
        RETURNS (Dict[str, Tensor]): "loss": float32, shape (), mean cross-entropy in nats a predicted piece.
        """
        states = self._states(ids, bidirectional)  # (B, P, H)
        targets = labels[:, 1:]
        known = targets != IGNORED
        # Only predicted pieces reach the output layer: on a CPU it takes a third of a small model's time.
        output: Any = self.trunk.get_input_embeddings().weight
        logits = F.linear(states[:, :-1][known], output)  # (N, V)
        total = F.cross_entropy(logits.float(), targets[known], reduction="sum")
        return {"loss": total / known.sum().clamp(min=1)}  # a tiny batch may have no masked piece

    def _states(self, ids: Tensor, bidirectional: bool) -> Tensor:
        config = self.trunk.config
        own = config._attn_implementation
        try:
            # transformers reads it at each call, so both kinds of batches run on the same weights.
            config._attn_implementation = BIDIRECTIONAL if bidirectional else own
            return self.trunk(input_ids=ids, use_cache=False).last_hidden_state
        finally:
            config._attn_implementation = own
