"""Write a backbone's own weights as transformers' `save_pretrained` does, without a second copy of them in memory.

What bfloat16 holds without loss is written in bfloat16. First it is decided which weights these are, then the shards
are planned, then one shard at a time is narrowed and written.
"""

import json
from pathlib import Path

import torch
from huggingface_hub import split_torch_state_dict_into_shards
from safetensors.torch import save_file
from torch import Tensor
from transformers import PreTrainedModel
from transformers.utils import SAFE_WEIGHTS_INDEX_NAME

from spacy_llama_ner.network.backbone import base_weights
from spacy_llama_ner.network.unfreezing import base_parameters

# A shard is the most that is narrowed at once; what builds a wheel reads each file whole. A larger weight has its own.
SHARD_SIZE = "500MB"
COMPARED = 2**20  # values at once


def save_backbone(trunk: PreTrainedModel, folder: Path, *, max_shard_size: str = SHARD_SIZE) -> None:
    """Write config.json and the weights, in one file or in shards with an index.

    trunk (PreTrainedModel): With or without adapters, which are left out.
    folder (Path): Created if it does not exist.
    max_shard_size (str): Such as "500MB".
    """
    own = base_parameters(trunk)  # what else is in the state belongs to quantized weights
    weights = base_weights(trunk)
    if _share_memory(weights):  # which of them are left out is transformers' affair
        trunk.save_pretrained(str(folder), state_dict=weights, max_shard_size=max_shard_size)
        return
    narrow = {name for name, weight in weights.items() if name in own and _is_bfloat16(weight)}
    folder.mkdir(parents=True, exist_ok=True)
    trunk.config.torch_dtype = str(trunk.dtype).removeprefix("torch.")
    trunk.config.architectures = [type(trunk).__name__]
    trunk.config.save_pretrained(str(folder))
    planned = {
        name: torch.empty(
            weight.shape, dtype=torch.bfloat16 if name in narrow else weight.dtype, device="meta"
        )
        for name, weight in weights.items()
    }
    split = split_torch_state_dict_into_shards(planned, max_shard_size=max_shard_size)
    for file, names in split.filename_to_tensors.items():
        shard = {name: weights[name].to(planned[name].dtype).contiguous() for name in names}
        save_file(shard, folder / file, metadata={"format": "pt"})
        del shard  # before the next one is made
    if split.is_sharded:
        index = {
            "metadata": {"total_parameters": trunk.num_parameters(), **split.metadata},
            "weight_map": split.tensor_to_filename,
        }
        text = json.dumps(index, indent=2, sort_keys=True) + "\n"
        (folder / SAFE_WEIGHTS_INDEX_NAME).write_text(text, encoding="utf8")


def _is_bfloat16(weight: Tensor) -> bool:
    """RETURNS (bool): Whether a float32 weight loses nothing in bfloat16, as where it was published so."""
    if weight.dtype != torch.float32:
        return False
    parts = weight.detach().reshape(-1).split(COMPARED)
    return all(torch.equal(part.to(torch.bfloat16).float(), part) for part in parts)


def _share_memory(weights: dict[str, Tensor]) -> bool:
    places = [weight.untyped_storage().data_ptr() for weight in weights.values() if weight.numel()]
    return len(set(places)) < len(places)
