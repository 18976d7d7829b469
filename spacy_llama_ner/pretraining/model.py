"""Make the Llama that is pretrained: new, or from a folder."""

from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM
from transformers.tokenization_utils_fast import PreTrainedTokenizerFast

EMBEDDINGS_MULTIPLE = 64  # what matrix kernels like; ids above the vocabulary never occur


@dataclass(frozen=True)
class Shape:
    """The size of a new Llama and its tokenizer, in transformers' words.

    vocab_size (int): Pieces of the tokenizer; the embeddings are padded to a multiple of 64.
    hidden_size, intermediate_size, num_hidden_layers, num_attention_heads, num_key_value_heads (int): As in
        LlamaConfig.
    max_position_embeddings (int): Longest window in pieces.
    """

    vocab_size: int = 8192
    hidden_size: int = 256
    intermediate_size: int = 704
    num_hidden_layers: int = 6
    num_attention_heads: int = 8
    num_key_value_heads: int = 4
    max_position_embeddings: int = 2048

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if value < 1:
                raise ValueError(f"{name} is {value}; expected at least 1")
        if self.hidden_size % (2 * self.num_attention_heads):
            raise ValueError(
                f"hidden_size {self.hidden_size} gives {self.num_attention_heads} heads no even size; expected a "
                f"multiple of {2 * self.num_attention_heads}"
            )
        if self.num_attention_heads % self.num_key_value_heads:
            raise ValueError(
                f"num_attention_heads {self.num_attention_heads} is no multiple of num_key_value_heads "
                f"{self.num_key_value_heads}"
            )


def new_llama(shape: Shape, tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    """Make a Llama with random weights and tied embeddings, RoPE theta 500,000 as Llama 3's.

    shape (Shape): Its size.
    tokenizer (PreTrainedTokenizerFast): Gives vocabulary size and special pieces.
    RETURNS (LlamaForCausalLM): Float32, drawn from torch's global generator.
    """
    config = LlamaConfig(
        **vars(shape) | {"vocab_size": _padded(len(tokenizer))},
        rope_theta=500_000.0,
        rms_norm_eps=1e-5,
        tie_word_embeddings=True,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return LlamaForCausalLM(config)


def load_llama(folder: Path, tokenizer: PreTrainedTokenizerFast, *, row_length: int) -> LlamaForCausalLM:
    """Load a Llama to train on, its embeddings grown to the tokenizer's vocabulary.

    folder (Path): A Hugging Face folder.
    tokenizer (PreTrainedTokenizerFast): The folder's own, perhaps with a mask piece added.
    row_length (int): Pieces of a training row.
    RETURNS (LlamaForCausalLM): In float32.
    RAISES (ValueError): If it is no Llama with tied embeddings, or reads no rows of that length.
    """
    model = AutoModelForCausalLM.from_pretrained(folder, torch_dtype=torch.float32)
    if model.config.model_type != "llama" or not model.config.tie_word_embeddings:
        raise ValueError(
            f"{folder} holds a {model.config.model_type} with tie_word_embeddings "
            f"{model.config.tie_word_embeddings}; expected a llama with tied embeddings"
        )
    if row_length > model.config.max_position_embeddings:
        raise ValueError(
            f"row_length {row_length} is more than the max_position_embeddings of {folder}, "
            f"{model.config.max_position_embeddings}; make rows shorter"
        )
    if model.config.vocab_size < len(tokenizer):
        model.resize_token_embeddings(_padded(len(tokenizer)), mean_resizing=True)
    return model


def _padded(size: int) -> int:
    return -(-size // EMBEDDINGS_MULTIPLE) * EMBEDDINGS_MULTIPLE
