"""The factory `llama_crf_ner`, found through spaCy's entry point, and its default config."""

from collections.abc import Callable

import numpy as np
from spacy.language import Language
from spacy.tokens import Doc
from thinc.api import Config, Model

from spacy_llama_ner.network.loss import CompoundLoss
from spacy_llama_ner.pipeline.component import LlamaCrfNer

DEFAULT_CONFIG = Config().from_str(
    """
[llama_crf_ner]
overwrite = false
scorer = {"@scorers":"spacy.ner_scorer.v1"}

[llama_crf_ner.compound_loss]
@losses = "spacy_llama_ner.CompoundLoss.v1"
cross_entropy_weight = 0.5
crf_weight = 0.3
label_smoothing_weight = 0.2
smoothing = 0.1

[llama_crf_ner.model]
@architectures = "spacy_llama_ner.LlamaCrfTagger.v1"
attention = "bidirectional"
layers = null
pooling = "last"
use_crf = true
freeze_backbone = true
unfreeze_layers = 0
peft = "lora"
lora_rank = 16
lora_alpha = 32
lora_dropout = 0.05
lora_target_modules = ["q_proj","k_proj","v_proj","o_proj"]
lora_layers = null
use_rslora = false
use_dora = false
max_window_pieces = 512
max_batch_pieces = 8192
gradient_checkpointing = false
cache_frozen_layers = 0
max_grad_norm = 1.0
head_learn_rate_scale = 1.0
backbone_learn_rate_scale = 1.0
gradual_unfreezing_steps = 0
predict_dtype = null
merge_to_predict = true
compile_to_predict = false

[llama_crf_ner.model.backbone]
@misc = "spacy_llama_ner.HuggingFaceBackbone.v1"
name = "unsloth/Llama-3.2-1B-Instruct"
revision = null
dtype = "float32"
save_inside = false
attn_implementation = null
quantization = null

[llama_crf_ner.model.get_spans]
@span_getters = "spacy-transformers.strided_spans.v1"
window = 128
stride = 96
"""
)


@Language.factory(
    "llama_crf_ner",
    assigns=["doc.ents", "doc.spans", "token.ent_iob", "token.ent_type", "span._.score"],
    default_config=DEFAULT_CONFIG["llama_crf_ner"],
    default_score_weights={"ents_f": 1.0, "ents_p": 0.0, "ents_r": 0.0, "ents_per_type": None},
)
def make_llama_crf_ner(
    nlp: Language,
    name: str,
    model: Model[list[Doc], list[np.ndarray]],
    compound_loss: CompoundLoss,
    overwrite: bool,
    scorer: Callable | None,
) -> LlamaCrfNer:
    """Construct a named-entity recognizer with a Llama backbone, LoRA and a CRF.

    nlp (Language): The pipeline.
    name (str): The component's name.
    model (Model): Block `spacy_llama_ner.LlamaCrfTagger.v1`.
    compound_loss (CompoundLoss): Block `spacy_llama_ner.CompoundLoss.v1`.
    overwrite (bool): Whether predictions replace entities that a doc already has.
    scorer (Optional[Callable]): The scoring method.
    RETURNS (LlamaCrfNer): Without weights, until it is initialized or loaded.
    """
    return LlamaCrfNer(nlp.vocab, model, compound_loss, name, overwrite=overwrite, scorer=scorer)
