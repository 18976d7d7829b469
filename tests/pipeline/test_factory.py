import subprocess
import sys

import pytest
import spacy
from spacy.tokens import Span

HEAVY = ("transformers", "peft", "torchcrf", "datasets", "seqeval")


def run(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_factory_is_found_without_an_import():
    code = "import spacy; print(spacy.blank('en').add_pipe('llama_crf_ner').name)"
    assert run(code) == "llama_crf_ner"


@pytest.mark.parametrize(
    "module", ["spacy_llama_ner", "spacy_llama_ner.pipeline.factory", "spacy_llama_ner.pipeline.settings"]
)
def test_import_loads_none_of_the_heavy_libraries(module):
    code = f"import spacy, sys; before = set(sys.modules); import {module}; "
    code += f"print([name for name in {HEAVY} if name in set(sys.modules) - before])"
    assert run(code) == "[]"


def test_factory_loads_no_weights():
    nlp = spacy.blank("en")
    assert nlp.add_pipe("llama_crf_ner").shim.is_empty  # though the default backbone is on the hub


def test_factory_registers_the_score_extension():
    spacy.blank("en").add_pipe("llama_crf_ner")
    assert Span.has_extension("score")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"overwrit": True}, "overwrit"),
        ({"model": {"lora_rnak": 4}}, "lora_rnak"),
        ({"model": {"backbone": {"@misc": "spacy_llama_ner.HuggingFaceBackbone.v1", "nam": "x"}}}, "nam"),
        ({"compound_loss": {"crf_wieght": 1.0}}, "crf_wieght"),
        ({"model": {"layers": 0}}, "layers: expected a whole number from 1, got 0"),
        ({"model": {"unfreeze_layers": -1}}, "unfreeze_layers: expected a whole number from 0, got -1"),
        (
            {"model": {"unfreeze_layers": 1, "freeze_backbone": False}},
            "unfreeze_layers: 1 with freeze_backbone = false, which trains all layers",
        ),
        (
            {"model": {"lora_target_modules": "everything"}},
            "lora_target_modules: expected a list, .* or one of 'attention', 'all-linear'",
        ),
        ({"model": {"gradual_unfreezing_steps": 10}}, "but no weight of the backbone is trained"),
        ({"model": {"backbone_learn_rate_scale": 0}}, "backbone_learn_rate_scale: expected a number above 0"),
        (
            {"model": {"backbone": {"attn_implementation": "flash_attention_2"}}},
            "computes in 16 bits only; set backbone.dtype",
        ),
        (
            {"model": {"backbone": {"attn_implementation": "fast"}}},
            "attn_implementation: expected one of null",
        ),
        ({"model": {"attention": "sideways"}}, 'attention: expected "causal", "bidirectional" or a range'),
        ({"model": {"pooling": "max"}}, "pooling: expected one of"),
        ({"model": {"max_window_pieces": 2}}, "max_window_pieces: expected at least 8, got 2"),
        ({"model": {"max_batch_pieces": 0}}, "max_batch_pieces: expected at least 8, got 0"),
        ({"model": {"max_grad_norm": -1.0}}, "max_grad_norm: expected at least 0, got -1"),
        (
            {"model": {"head_learn_rate_scale": 0.0}},
            "head_learn_rate_scale: expected a number above 0, got 0.0",
        ),
        ({"model": {"lora_rank": "many"}}, "lora_rank"),
        ({"compound_loss": {"crf_weight": -1.0}}, "Expected crf_weight"),
        (
            {"compound_loss": {"cross_entropy_weight": 0, "crf_weight": 0, "label_smoothing_weight": 0}},
            "at least one of",
        ),
    ],
)
def test_factory_names_a_wrong_setting(change, message):
    with pytest.raises(ValueError, match=message):
        spacy.blank("en").add_pipe("llama_crf_ner", config=change)


def test_factory_assigns_what_analyze_pipes_shows():
    nlp = spacy.blank("en")
    nlp.add_pipe("llama_crf_ner")
    assigns = nlp.analyze_pipes()["summary"]["llama_crf_ner"]["assigns"]
    assert assigns == ["doc.ents", "doc.spans", "token.ent_iob", "token.ent_type", "span._.score"]
