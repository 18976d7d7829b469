"""The compound loss: cross-entropy, CRF log-likelihood and label smoothing, weighted and summed.

All terms are sums over known tokens, not means: divided once per optimizer step by the count of known tokens,
they are means over whatever the step saw, and two half batches add up to the whole one.
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F

from spacy_llama_ner.network.types import check_number

if TYPE_CHECKING:  # the factory needs this module in every spaCy process, and torchcrf in none
    from .crf import CRF


@dataclass(frozen=True)
class LossTerms:
    """What one call of the loss gives back. Divide by `known_tokens` for means.

    total (Tensor): 0-d, with graph: the weighted sum of the terms.
    cross_entropy (Tensor): 0-d, detached: unweighted sum over known tokens, in nats.
    crf (Tensor): 0-d, detached: unweighted negative log-likelihood of all rows, in nats; 0 if left out.
    label_smoothing (Tensor): 0-d, detached: unweighted sum over known tokens, in nats.
    known_tokens (int): Tokens with exactly one allowed tag.
    """

    total: Tensor
    cross_entropy: Tensor
    crf: Tensor
    label_smoothing: Tensor
    known_tokens: int


@dataclass(frozen=True)
class CompoundLoss:
    """Weighted sum of cross-entropy, CRF loss and cross-entropy with smoothed labels.

    cross_entropy_weight (float): Weight of the cross-entropy, 0 or more.
    crf_weight (float): Weight of the CRF's negative log-likelihood, 0 or more.
    label_smoothing_weight (float): Weight of the cross-entropy with smoothed labels, 0 or more.
    smoothing (float): Probability spread over all tags, from 0 to below 1.
    RAISES (ValueError): If a field is out of its range, or all weights are 0.
    Source of label smoothing: Szegedy et al. (2016), Rethinking the Inception Architecture, 7.
    """

    cross_entropy_weight: float = 0.5
    crf_weight: float = 0.3
    label_smoothing_weight: float = 0.2
    smoothing: float = 0.1

    def __post_init__(self) -> None:
        names = ("cross_entropy_weight", "crf_weight", "label_smoothing_weight")
        for name in (*names, "smoothing"):
            check_number(name, getattr(self, name))
        for name in names:
            weight = getattr(self, name)
            if not math.isfinite(weight) or weight < 0:
                raise ValueError(f"Expected {name} to be finite and at least 0, got {weight}.")
        if not any(getattr(self, name) for name in names):
            raise ValueError(f"Expected at least one of {', '.join(names)} above 0, got 0 for all.")
        if not 0 <= self.smoothing < 1:
            raise ValueError(f"Expected smoothing from 0 to below 1, got {self.smoothing}.")

    def __call__(
        self, emissions: Tensor, allowed: Tensor, mask: Tensor, crf: "CRF", use_crf: bool
    ) -> LossTerms:
        """Compute the loss of a batch.

        A token with several allowed tags (missing annotation) is left out of the cross-entropies; the CRF
        sums over its tags.

        emissions (Tensor): Float, shape (D, T, K), in nats.
        allowed (Tensor): Bool, shape (D, T, K): the tags each token may have.
        mask (Tensor): Bool, shape (D, T); each row a run of True, then False; a row may be all False.
        crf (CRF): The CRF over the K tags; not touched if its term is left out.
        use_crf (bool): False leaves the CRF term out, and the other weights as they are. The term is also
            left out where crf_weight is 0: its recursion is not cheap.
        RETURNS (LossTerms): Sums in float32 (float64 if the emissions are).
        RAISES (ValueError): If shapes disagree, a row has no legal path, or use_crf is False and no other
            weight is above 0.
        """
        if allowed.shape != emissions.shape or mask.shape != emissions.shape[:2]:
            raise ValueError(
                f"Expected allowed and mask of shapes {tuple(emissions.shape)} and "
                f"{tuple(emissions.shape[:2])}, got {tuple(allowed.shape)} and {tuple(mask.shape)}."
            )
        if not use_crf and not (self.cross_entropy_weight or self.label_smoothing_weight):
            raise ValueError(
                "Expected cross_entropy_weight or label_smoothing_weight above 0 where use_crf is False, "
                f"got 0 for both and crf_weight {self.crf_weight}: nothing would be trained."
            )
        known = mask.bool() & (allowed.sum(dim=2) == 1)  # (D, T)
        targets = allowed[known].int().argmax(dim=1)  # (N,)
        scores = emissions[known]  # (N, K)
        scores = scores.to(torch.promote_types(scores.dtype, torch.float32))

        cross_entropy = F.cross_entropy(scores, targets, reduction="sum")
        label_smoothing = F.cross_entropy(scores, targets, reduction="sum", label_smoothing=self.smoothing)
        if use_crf and self.crf_weight:
            crf_loss = -crf.log_likelihood(emissions, allowed, mask).sum().to(scores.dtype)
        else:
            crf_loss = scores.new_zeros(())
        total = (
            self.cross_entropy_weight * cross_entropy
            + self.crf_weight * crf_loss
            + self.label_smoothing_weight * label_smoothing
        )
        return LossTerms(
            total=total,
            cross_entropy=cross_entropy.detach(),
            crf=crf_loss.detach(),
            label_smoothing=label_smoothing.detach(),
            known_tokens=len(targets),
        )
