"""Config blocks that are plain data: where the backbone is, how the loss is weighted, how a network is run.

spaCy imports this module in every process that creates a pipeline; so it imports nothing heavy.
"""

from dataclasses import dataclass

from spacy_llama_ner.network.loss import CompoundLoss
from spacy_llama_ner.network.types import BackboneSource


@dataclass(frozen=True)
class RunSettings:
    """How a network is run and trained; unlike `NetworkSettings`, these may change from one load to the next.

    All fields: see `llama_crf_tagger`.
    """

    max_window_pieces: int = 512
    max_batch_pieces: int = 8192
    gradient_checkpointing: bool = False
    cache_frozen_layers: int = 0
    max_grad_norm: float = 1.0
    head_learn_rate_scale: float = 1.0
    backbone_learn_rate_scale: float = 1.0
    gradual_unfreezing_steps: int = 0
    predict_dtype: str | None = None
    merge_to_predict: bool = True
    compile_to_predict: bool = False


def hugging_face_backbone(
    name: str,
    revision: str | None = None,
    dtype: str = "float32",
    save_inside: bool = False,
    attn_implementation: str | None = None,
    quantization: str | None = None,
) -> BackboneSource:
    """Load the backbone from a folder or the Hugging Face hub, when the component is initialized.

    Registered as `spacy_llama_ner.HuggingFaceBackbone.v1` in `misc`.

    name (str): Folder or hub name of any decoder or encoder.
    revision (Optional[str]): Branch, tag or commit on the hub.
    dtype (str): "float32", "bfloat16" or "float16": of frozen weights, and of what is computed with. Weights that are
        trained are float32 in any case.
    save_inside (bool): Save the backbone inside the pipeline. By default a frozen one is saved by reference.
    attn_implementation (Optional[str]): Kernel of the attention: "sdpa", "eager", or, on CUDA where the package
        flash-attn is installed, "flash_attention_2"; null lets transformers choose.
    quantization (Optional[str]): Round the frozen weights of linear layers to 8 or 4 bits: "int8" or "nf4", by
        bitsandbytes, which are saved so with save_inside; "torchao-int8", by torchao, at each load and never saved;
        null for none.
    RETURNS (BackboneSource): The settings; nothing is loaded yet.
    RAISES (ValueError): If the name is empty, or the dtype, the kernel or the quantization unknown.
    """
    return BackboneSource(
        name=name,
        revision=revision,
        dtype=dtype,
        save_inside=save_inside,
        attn_implementation=attn_implementation,
        quantization=quantization,
    )


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
