"""A Llama that is wide enough for blocks of 64 weights, which 4-bit quantization needs."""

from pathlib import Path

import torch
from tiny_models import make_tiny_llama
from transformers import LlamaConfig, LlamaForCausalLM


def make_wide_llama(folder: Path, *, seed: int = 0, norm: float = 1.0) -> Path:
    """Write a tiny Llama of 64 dimensions, its states after each norm multiplied by `norm`."""
    make_tiny_llama(folder)
    config = LlamaConfig.from_pretrained(folder)
    config.update({"hidden_size": 64, "intermediate_size": 128, "head_dim": 16})
    torch.manual_seed(seed)
    model = LlamaForCausalLM(config)
    with torch.no_grad():
        for layer in model.model.layers:
            layer.input_layernorm.weight.mul_(norm)
    model.save_pretrained(str(folder))
    return folder
