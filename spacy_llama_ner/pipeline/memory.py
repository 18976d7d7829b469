"""How much memory this process has used at most."""

import re
import sys
from pathlib import Path
from typing import Any

MEGABYTE = 1e6


def reset_peak() -> None:
    """Forget the GPU's peak so far; that of the main memory counts from the process's start."""
    if (torch := _torch_with_cuda()) is not None:
        torch.cuda.reset_peak_memory_stats()


def peak_memory() -> dict[str, float]:
    """Read the peaks.

    RETURNS (Dict[str, float]): In megabytes (10^6 bytes): "ram", the process's resident memory, where the system tells
        it; "gpu", what torch has allocated on the current CUDA device, where there is one.
    """
    peaks: dict[str, float] = {}
    if (resident := peak_resident()) is not None:
        peaks["ram"] = resident / MEGABYTE
    if (torch := _torch_with_cuda()) is not None:
        peaks["gpu"] = torch.cuda.max_memory_allocated() / MEGABYTE
    return peaks


def peak_resident() -> int | None:
    """RETURNS (Optional[int]): The most memory this process has had resident, in bytes; None where no system tells."""
    status = Path("/proc/self/status")
    if status.is_file():  # not ru_maxrss: on Linux a child inherits its parent's
        found = re.search(r"^VmHWM:\s+(\d+) kB", status.read_text(encoding="utf8"), re.MULTILINE)
        return int(found[1]) * 1024 if found else None
    if sys.platform == "darwin":
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return None


def _torch_with_cuda() -> Any:
    torch = sys.modules.get("torch")
    return torch if torch is not None and torch.cuda.is_available() and torch.cuda.is_initialized() else None
