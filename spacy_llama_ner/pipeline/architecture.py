"""The thinc model: docs in, emissions out. It is empty until the component is initialized or loaded."""

from collections.abc import Callable, Sequence

import numpy as np
from spacy.tokens import Doc, Span
from thinc.api import Model

from spacy_llama_ner.network.types import (
    ATTENTION_PROJECTIONS,
    DTYPES,
    BackboneSource,
    NetworkSettings,
    check_choice,
    check_number,
)
from spacy_llama_ner.pipeline.settings import RunSettings
from spacy_llama_ner.pipeline.shim import NetworkShim


def llama_crf_tagger(
    backbone: BackboneSource,
    get_spans: Callable[[list[Doc]], list[list[Span]]],
    *,
    attention: str = "bidirectional",
    layers: int | None = None,
    pooling: str = "last",
    use_crf: bool = True,
    freeze_backbone: bool = True,
    unfreeze_layers: int = 0,
    peft: str | None = "lora",
    lora_rank: int = 16,
    lora_alpha: int = 32,
    lora_dropout: float = 0.05,
    lora_target_modules: Sequence[str] | str = ATTENTION_PROJECTIONS,
    lora_layers: int | None = None,
    use_rslora: bool = False,
    use_dora: bool = False,
    max_window_pieces: int = 512,
    max_batch_pieces: int = 8192,
    gradient_checkpointing: bool = False,
    cache_frozen_layers: int = 0,
    max_grad_norm: float = 1.0,
    head_learn_rate_scale: float = 1.0,
    backbone_learn_rate_scale: float = 1.0,
    gradual_unfreezing_steps: int = 0,
    predict_dtype: str | None = None,
    merge_to_predict: bool = True,
    compile_to_predict: bool = False,
) -> Model[list[Doc], list[np.ndarray]]:
    """Describe a tagger: a Hugging Face backbone, LoRA, a linear head and a CRF.

    Registered as `spacy_llama_ner.LlamaCrfTagger.v1` in `architectures`. Its output is one float32 array of
    shape (T, K) per doc: each word's score for each tag.

    backbone (BackboneSource): Block `spacy_llama_ner.HuggingFaceBackbone.v1`.
    get_spans (Callable): Any span getter of spacy-transformers, such as
        `spacy-transformers.strided_spans.v1`; how docs are split into windows, in tokens.
    attention (str): "bidirectional", "causal", or "bidirectional[8:16]": bidirectional in these layers, counted as in a
        slice of Python's, and causal in the others.
    layers (Optional[int]): Use so many of the backbone's layers, from the first; null for all.
    pooling (str): Which of a word's pieces stands for it: "last", "first" or "mean". In causal attention only
        the last has seen the whole word. A word longer than a window has the mean over its windows.
    use_crf (bool): False gives a softmax head, from which only legal spans come out, too.
    freeze_backbone (bool): Keep the backbone's own weights; False trains them all.
    unfreeze_layers (int): Train so many of a frozen backbone's layers all the same, from the last.
    peft (Optional[str]): "lora" or null.
    lora_rank, lora_alpha, lora_dropout, use_rslora, use_dora: See peft's `LoraConfig`.
    lora_target_modules (Sequence[str] / str): Names of the linear layers with an adapter, "attention" or "all-linear".
    lora_layers (Optional[int]): Adapters in so many of the layers alone, from the last; null for all.
    max_window_pieces (int): A window with more pieces is parted; the backbone's own limit holds as well.
    max_batch_pieces (int): Most pieces, padding included, that the backbone reads at once.
    gradient_checkpointing (bool): Compute each layer again in the backward pass instead of keeping its states: less
        memory, about a third more time.
    cache_frozen_layers (int): In training, compute the layers below the first trained one once for each window, and
        keep their states over epochs in so many megabytes of main memory; 0 computes them each time. It takes
        lora_layers or unfreeze_layers. Dropout in frozen layers (Llama has none, BERT has) is off then.
    max_grad_norm (float): The gradient of an optimizer step is scaled down to this norm; 0 turns that off.
    head_learn_rate_scale (float): The head and the CRF start from nothing: their learning rate is the optimizer's
        times this.
    backbone_learn_rate_scale (float): The same for the backbone's own weights, where they are trained. The adapters'
        learning rate is the optimizer's.
    gradual_unfreezing_steps (int): Let the backbone's own weights join layer by layer from the last, the embeddings
        at the end, one each time so many optimizer steps are done; 0 trains all from the start. Source: Howard and
        Ruder (2018), Universal Language Model Fine-tuning for Text Classification, 3.3.
    predict_dtype (Optional[str]): What predictions are computed in: "float32", "bfloat16" or "float16"; "auto":
        bfloat16 where the device multiplies matrices of it itself; null: as in training, the backbone's `dtype`.
        Weights that have another dtype are copied into it at the first prediction.
    merge_to_predict (bool): Predict with the adapters merged into a copy of the weights they are on, which is faster;
        False saves that copy's memory. Where the backbone is quantized, nothing is merged.
    compile_to_predict (bool): Let `torch.compile` make code of the backbone at the first predictions: minutes for
        large ones, and a C++ compiler or Triton must be there.
    RETURNS (Model): Without weights.
    RAISES (ValueError): If a setting is out of range.
    """
    for name, value, least in (
        ("max_window_pieces", max_window_pieces, 8),
        ("max_batch_pieces", max_batch_pieces, 8),
        ("max_grad_norm", max_grad_norm, 0),
    ):
        check_number(name, value)
        if not value >= least:  # so that nan is refused, too
            raise ValueError(f"{name}: expected at least {least}, got {value}")
    for name, value in (
        ("head_learn_rate_scale", head_learn_rate_scale),
        ("backbone_learn_rate_scale", backbone_learn_rate_scale),
    ):
        check_number(name, value)
        if not value > 0:
            raise ValueError(f"{name}: expected a number above 0, got {value}")
    check_number("gradual_unfreezing_steps", gradual_unfreezing_steps, whole=True)
    if gradual_unfreezing_steps < 0:
        raise ValueError(
            f"gradual_unfreezing_steps: expected a whole number from 0, got {gradual_unfreezing_steps}"
        )
    check_number("cache_frozen_layers", cache_frozen_layers, whole=True)
    if cache_frozen_layers < 0:
        raise ValueError(
            f"cache_frozen_layers: expected a whole number of megabytes from 0, got {cache_frozen_layers}"
        )
    _check_strides(get_spans)
    _check_reading(predict_dtype, backbone)
    settings = NetworkSettings(
        attention=attention,
        layers=layers,
        pooling=pooling,
        use_crf=use_crf,
        freeze_backbone=freeze_backbone,
        unfreeze_layers=unfreeze_layers,
        peft=peft,
        lora_rank=lora_rank,
        lora_alpha=lora_alpha,
        lora_dropout=lora_dropout,
        lora_target_modules=lora_target_modules,
        lora_layers=lora_layers,
        use_rslora=use_rslora,
        use_dora=use_dora,
    )
    if gradual_unfreezing_steps and not settings.trains_backbone:
        raise ValueError(
            f"gradual_unfreezing_steps: {gradual_unfreezing_steps}, but no weight of the backbone is trained. Set "
            "freeze_backbone = false or unfreeze_layers, or gradual_unfreezing_steps = 0"
        )
    running = RunSettings(
        max_window_pieces=max_window_pieces,
        max_batch_pieces=max_batch_pieces,
        gradient_checkpointing=gradient_checkpointing,
        cache_frozen_layers=cache_frozen_layers,
        max_grad_norm=max_grad_norm,
        head_learn_rate_scale=head_learn_rate_scale,
        backbone_learn_rate_scale=backbone_learn_rate_scale,
        gradual_unfreezing_steps=gradual_unfreezing_steps,
        predict_dtype=predict_dtype,
        merge_to_predict=merge_to_predict,
        compile_to_predict=compile_to_predict,
    )
    shim = NetworkShim(backbone, settings, get_spans, running)
    return Model("llama_crf_tagger", forward, dims={"nO": None}, shims=[shim])


def _check_strides(get_spans: Callable[[list[Doc]], list[list[Span]]]) -> None:
    """Check what spacy-transformers' strided_spans does not: 0 would divide by it, a gap would skip words."""
    settings = getattr(get_spans, "keywords", {})  # strided_spans is a partial function
    if not {"window", "stride"} <= settings.keys():
        return
    window, stride = settings["window"], settings["stride"]
    check_number("get_spans.window", window, whole=True)
    check_number("get_spans.stride", stride, whole=True)
    if not 1 <= stride <= window:
        raise ValueError(
            f"get_spans: expected 1 <= stride <= window, got window = {window}, stride = {stride}; a stride above "
            "the window would leave words out"
        )


def _check_reading(predict_dtype: str | None, backbone: BackboneSource) -> None:
    check_choice("predict_dtype", predict_dtype, (None, "auto", *DTYPES))
    if predict_dtype not in (None, "auto", backbone.dtype) and backbone.quantization:
        raise ValueError(
            f'predict_dtype: "{predict_dtype}", but the backbone is quantized ("{backbone.quantization}") and '
            f"computes in {backbone.dtype}. Set predict_dtype = null, and backbone.dtype to what you want"
        )


def forward(
    model: Model, docs: list[Doc], is_train: bool
) -> tuple[list[np.ndarray], Callable[[list[np.ndarray]], list[Doc]]]:
    """Compute emissions for reading. Training runs as one torch graph in `NetworkShim.update` instead."""

    def backprop(d_emissions: list[np.ndarray]) -> list[Doc]:
        raise NotImplementedError(
            "llama_crf_tagger is trained through its component's update(), not through begin_update()"
        )

    return model.shims[0].predict(docs), backprop
