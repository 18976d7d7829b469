"""Registered config blocks that are plain data: where the backbone is, how the loss is weighted.

spaCy imports this module in every process that creates a pipeline; so it imports nothing heavy.
"""

from spacy_llama_ner.network.loss import CompoundLoss
from spacy_llama_ner.network.types import BackboneSource


def hugging_face_backbone(
    name: str, revision: str | None = None, dtype: str = "float32", save_inside: bool = False
) -> BackboneSource:
    """Load the backbone from a folder or the Hugging Face hub, when the component is initialized.

    Registered as `spacy_llama_ner.HuggingFaceBackbone.v1` in `misc`.

    name (str): Folder or hub name of any decoder or encoder.
    revision (Optional[str]): Branch, tag or commit on the hub.
    dtype (str): "float32", "bfloat16" or "float16"; a backbone that is trained needs "float32".
    save_inside (bool): Save the backbone inside the pipeline. By default a frozen one is saved by reference.
    RETURNS (BackboneSource): The settings; nothing is loaded yet.
    RAISES (ValueError): If the name is empty or the dtype unknown.
    """
    return BackboneSource(name=name, revision=revision, dtype=dtype, save_inside=save_inside)


def compound_loss(
    cross_entropy_weight: float = 0.5,
    crf_weight: float = 0.3,
    label_smoothing_weight: float = 0.2,
    smoothing: float = 0.1,
) -> CompoundLoss:
    """Weigh cross-entropy, the CRF's negative log-likelihood and label smoothing against each other.

    Registered as `spacy_llama_ner.CompoundLoss.v1` in `losses`. Each term is a mean over known tokens.

    cross_entropy_weight, crf_weight, label_smoothing_weight (float): 0 or more, not all 0.
    smoothing (float): Probability that label smoothing spreads over all tags, from 0 to below 1.
    RETURNS (CompoundLoss): The loss.
    RAISES (ValueError): If a weight is out of range.
    """
    return CompoundLoss(
        cross_entropy_weight=cross_entropy_weight,
        crf_weight=crf_weight,
        label_smoothing_weight=label_smoothing_weight,
        smoothing=smoothing,
    )
