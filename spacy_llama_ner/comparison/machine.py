"""What a time depends on."""

import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any


def describe_machine(*, gpu_id: int) -> dict[str, Any]:
    """Describe the machine and the libraries that this process runs on.

    gpu_id (int): The GPU it uses, or -1 for the CPU.
    RETURNS (dict): Processor, GPU (None for the CPU), cores, torch's threads, versions.
    """
    import torch

    return {
        "processor": _processor(),
        "gpu": torch.cuda.get_device_name(gpu_id) if gpu_id >= 0 and torch.cuda.is_available() else None,
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        **{name: version(name) for name in ("torch", "spacy", "transformers")},
    }


def _processor() -> str:
    file = Path("/proc/cpuinfo")
    lines = file.read_text(encoding="utf8").splitlines() if file.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()
