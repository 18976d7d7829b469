"""The device that trains: there at all, usable by torch and spaCy, and how much memory is free on it."""

import os
import platform
from typing import TYPE_CHECKING

from spacy_llama_ner.doctor.check import FAIL, WARN, Check, gigabytes

if TYPE_CHECKING:
    import torch


def check_device(*, gpu_id: int, dtype: str) -> list[Check]:
    """Look for the device and make spaCy use it for the rest of this process.

    gpu_id (int): The GPU, or -1 for the CPU.
    dtype (str): The backbone's, as the config has it.
    RETURNS (List[Check]): The device, and its memory.
    """
    import torch

    if gpu_id < 0:
        return [*_check_cpu(), *_point_at_gpu()]
    if platform.system() == "Darwin":
        return [_check_mps(gpu_id), _check_ram()]
    checks = _check_cuda(gpu_id, dtype)
    if any(check.status == FAIL for check in checks):
        return checks
    return [*checks, _use_in_spacy(gpu_id, torch.cuda.get_device_name(gpu_id)), _check_ram()]


def free_memory(device: "torch.device") -> int:
    """RETURNS (int): Bytes that are free where the network goes."""
    import psutil
    import torch

    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return psutil.virtual_memory().available  # a Mac's GPU shares it


def _check_cpu() -> list[Check]:
    import torch

    threads = torch.get_num_threads()
    figures = {"cores": os.cpu_count(), "threads": threads}
    return [Check("CPU", f"{os.cpu_count()} cores, torch uses {threads}", figures=figures), _check_ram()]


def _check_ram() -> Check:
    import psutil

    memory = psutil.virtual_memory()
    found = f"{gigabytes(memory.available)} free of {gigabytes(memory.total)}"
    return Check("main memory", found, figures={"free": memory.available, "total": memory.total})


def _point_at_gpu() -> list[Check]:
    import torch

    if torch.cuda.is_available():
        return [Check("GPU", torch.cuda.get_device_name(0), WARN, "A GPU is there and not used: --gpu-id 0.")]
    if torch.backends.mps.is_available():
        return [Check("GPU", "MPS", WARN, "A GPU is there and not used: --gpu-id 0.")]
    return []


def _check_mps(gpu_id: int) -> Check:
    import torch

    if torch.backends.mps.is_available():
        return _use_in_spacy(gpu_id, "MPS")
    built = "torch is built without MPS" if not torch.backends.mps.is_built() else "no MPS on this Mac"
    return Check("GPU", built, FAIL, "Train on the CPU (--gpu-id -1), or on a machine with CUDA.")


def _check_cuda(gpu_id: int, dtype: str) -> list[Check]:
    import torch

    if not torch.cuda.is_available():
        if torch.version.cuda is None:
            advice = (
                "This torch is built without CUDA: install a build for your driver's CUDA from https://pytorch.org, "
                "or train on the CPU (--gpu-id -1)."
            )
            return [Check("GPU", f"torch {torch.__version__} has no CUDA", FAIL, advice)]
        advice = (
            f"torch is built for CUDA {torch.version.cuda} and sees no GPU: look at `nvidia-smi` (is the GPU there, "
            "and the driver new enough?) and at CUDA_VISIBLE_DEVICES."
        )
        return [Check("GPU", "none that torch can use", FAIL, advice)]
    count = torch.cuda.device_count()
    if gpu_id >= count:
        return [Check("GPU", f"no GPU {gpu_id}", FAIL, f"There are {count}, numbered from 0: --gpu-id 0.")]
    major, minor = torch.cuda.get_device_capability(gpu_id)
    free, total = torch.cuda.mem_get_info(gpu_id)
    figures = {
        "name": torch.cuda.get_device_name(gpu_id),
        "capability": [major, minor],
        "cuda": torch.version.cuda,
    }
    checks = [
        Check(
            "GPU",
            f"{figures['name']}, capability {major}.{minor}, CUDA {torch.version.cuda}",
            figures=figures,
        ),
        Check(
            "GPU memory",
            f"{gigabytes(free)} free of {gigabytes(total)}",
            figures={"free": free, "total": total},
        ),
    ]
    if dtype == "bfloat16":
        # Source: NVIDIA, CUDA C++ Programming Guide, compute capabilities: bfloat16 from 8.0 (Ampere) on.
        if major >= 8:
            checks.append(Check("bfloat16", "in hardware"))
        else:
            advice = (
                'It is emulated, and slow: set components.*.model.backbone.dtype = "float32" if that fits.'
            )
            checks.append(Check("bfloat16", f"not in capability {major}.{minor}", WARN, advice))
    return checks


def _use_in_spacy(gpu_id: int, name: str) -> Check:
    """thinc's arrays live where `spacy train --gpu-id` would put them; what is built after this goes there."""
    import spacy
    from thinc.api import get_current_ops

    try:
        spacy.require_gpu(gpu_id)
        ops = get_current_ops()
        ops.xp.ones(8).sum()
    except Exception as error:  # CuPy raises kinds of its own
        advice = f"{error}. `pip install 'spacy-llama-ner[cuda12x]'`, with CuPy's build for your CUDA."
        return Check("spaCy on the GPU", "does not work", FAIL, advice)
    return Check("spaCy on the GPU", f"{type(ops).__name__} on {name}")
