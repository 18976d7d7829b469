"""Write a Llama of random weights as a Hugging Face folder, shard by shard.

It has the shape, the file format and the dtype of the real thing and costs as much time and memory; only what it
says is noise. At most one shard is in memory at a time. `benchmarks/size/make_backbone.py` is its command.

The tokenizer is assets/llama-mini's byte-level BPE of 8,192 pieces, grown to the shape's vocabulary by merging
pairs of its pieces, in the order of their ranks. So it reads any text without loss, and loads and saves a
vocabulary of full size, but its new pieces were not learned from text; and Llama 3's own tokenizer lists about
twice as many merges, since it has every way to make a piece.
"""

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from transformers import LlamaConfig, LlamaForCausalLM

from spacy_llama_ner.doctor import shape as known

MINI = Path(__file__).parents[2] / "assets" / "llama-mini"
STANDARD_DEVIATION = 0.02  # as in a new Llama: states stay near 1 through all layers
SHARDS = 5  # about so many files

# Source: config.json of unsloth/Llama-3.2-1B-Instruct.
LLAMA_1B: dict[str, Any] = {
    **known.LLAMA_1B,
    "rope_theta": 500000.0,
    "rope_scaling": {
        "rope_type": "llama3",
        "factor": 32.0,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": 8192,
    },
    "rms_norm_eps": 1e-05,
    "tie_word_embeddings": True,
    "torch_dtype": "bfloat16",
    "bos_token_id": 0,
    "eos_token_id": 1,
    "pad_token_id": None,
}
SHAPES = {
    "llama-3.2-1b": LLAMA_1B,
    # The layers of Llama-3.2-3B, 19 of its 28: 2.3B parameters, 4.6 GB, just more than 4 GiB.
    "llama-2.3b": {
        **LLAMA_1B,
        "hidden_size": 3072,
        "num_hidden_layers": 19,
        "num_attention_heads": 24,
        "head_dim": 128,
    },
    "tiny": {
        **LLAMA_1B,
        "vocab_size": 8448,
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 16,
    },
}


def make_backbone(folder: Path, shape: str, *, seed: int = 0) -> None:
    """Write config, tokenizer and weights.

    folder (Path): Created if it does not exist.
    shape (str): One of `SHAPES`.
    seed (int): Of the weights.
    """
    config = LlamaConfig(architectures=["LlamaForCausalLM"], **SHAPES[shape])
    folder.mkdir(parents=True, exist_ok=True)
    config.save_pretrained(str(folder))
    write_tokenizer(folder, config.vocab_size)
    write_weights(folder, tensor_shapes(config), seed=seed)


def tensor_shapes(config: LlamaConfig) -> dict[str, torch.Size]:
    """RETURNS (Dict[str, Size]): Name and shape of each tensor of the files; a tied output layer is in none."""
    with torch.device("meta"):
        model = LlamaForCausalLM(config)
    return {name: weight.shape for name, weight in model.state_dict().items() if name != "lm_head.weight"}


def write_weights(folder: Path, shapes: dict[str, torch.Size], *, seed: int) -> None:
    """Write random bfloat16 weights, norms of 1, in shards with an index.

    folder (Path): The folder.
    shapes (Dict[str, Size]): From `tensor_shapes`.
    seed (int): Of the weights.
    """
    generator = torch.Generator().manual_seed(seed)
    shards = plan_shards(shapes)
    weight_map: dict[str, str] = {}
    for number, names in enumerate(shards, start=1):
        file = f"model-{number:05}-of-{len(shards):05}.safetensors"
        # Not bound to a name, which would keep a shard in memory while the next is made.
        save_file(
            {name: _random(name, shapes[name], generator) for name in names},
            folder / file,
            metadata={"format": "pt"},
        )
        weight_map |= dict.fromkeys(names, file)
    index = {"metadata": {"total_size": sum(map(_size, shapes.values()))}, "weight_map": weight_map}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=2), encoding="utf8")


def plan_shards(shapes: dict[str, torch.Size]) -> list[list[str]]:
    """Divide tensors, in their order, among files of at most a fifth of their total, or the largest tensor.

    shapes (Dict[str, Size]): From `tensor_shapes`.
    RETURNS (List[List[str]]): The names in each file.
    """
    sizes = {name: _size(shape) for name, shape in shapes.items()}
    limit = max(*sizes.values(), sum(sizes.values()) // SHARDS)
    shards: list[list[str]] = [[]]
    for name, size in sizes.items():
        if shards[-1] and sum(sizes[other] for other in shards[-1]) + size > limit:
            shards.append([])
        shards[-1].append(name)
    return shards


def write_tokenizer(folder: Path, vocab_size: int) -> None:
    """Write llama-mini's tokenizer, grown to a vocabulary of another size and without a pad or a mask token.

    folder (Path): The folder.
    vocab_size (int): At least llama-mini's.
    """
    tokenizer = json.loads((MINI / "tokenizer.json").read_text(encoding="utf8"))
    vocab, merges = tokenizer["model"]["vocab"], tokenizer["model"]["merges"]
    # The mask piece lies beyond the model's own vocabulary, where the new pieces go.
    tokenizer["added_tokens"] = [added for added in tokenizer["added_tokens"] if added["content"] in vocab]
    for left, right in islice(_new_pairs(vocab), max(0, vocab_size - len(vocab))):
        vocab[left + right] = len(vocab)
        merges.append([left, right])
    if len(vocab) != vocab_size:
        raise ValueError(f"the vocabulary has {len(vocab)} pieces, expected {vocab_size}")
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer, ensure_ascii=False), encoding="utf8")
    settings = json.loads((MINI / "tokenizer_config.json").read_text(encoding="utf8"))
    del settings["pad_token"], settings["mask_token"]
    decoder = settings["added_tokens_decoder"].items()
    settings["added_tokens_decoder"] = {
        number: added for number, added in decoder if int(number) < len(tokenizer["added_tokens"])
    }
    settings["model_max_length"] = LLAMA_1B["max_position_embeddings"]
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=2), encoding="utf8")


def _new_pairs(vocab: dict[str, int]) -> Iterator[tuple[str, str]]:
    """YIELDS (Tuple[str, str]): Pairs of letter pieces whose merged text is not in the growing vocabulary."""
    pieces = [piece for piece in vocab if piece.isascii() and piece.isalpha()]
    for right in pieces:
        for left in pieces:
            if left + right not in vocab:
                yield left, right


def _random(name: str, shape: torch.Size, generator: torch.Generator) -> torch.Tensor:
    weight = torch.empty(shape, dtype=torch.bfloat16)
    if name.endswith("norm.weight"):
        return weight.fill_(1.0)
    return weight.normal_(0.0, STANDARD_DEVIATION, generator=generator)


def _size(shape: torch.Size) -> int:
    return shape.numel() * torch.bfloat16.itemsize
