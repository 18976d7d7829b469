"""How much memory something takes at its peak, beyond what was in use before."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

EVERY = 0.005  # seconds


@dataclass
class Peak:
    """Bytes, when it ends. On CUDA exactly what torch allocated in all; elsewhere what the process grew by, as seen
    every 5 ms."""

    size: int = 0


@contextmanager
def watch_memory() -> Iterator[Peak]:
    """Watch the memory of the device that thinc uses.

    YIELDS (Peak): The result.
    """
    import torch
    from thinc.api import get_torch_default_device

    peak = Peak()
    if get_torch_default_device().type == "cuda":
        torch.cuda.reset_peak_memory_stats()
        yield peak
        peak.size = torch.cuda.max_memory_allocated()
        return
    stop = threading.Event()
    thread = threading.Thread(target=_sample, args=(peak, stop), daemon=True)
    thread.start()
    try:
        yield peak
    finally:
        stop.set()
        thread.join()


def _sample(peak: Peak, stop: threading.Event) -> None:
    import psutil

    process = psutil.Process()
    before = process.memory_info().rss
    while not stop.wait(EVERY):
        peak.size = max(peak.size, process.memory_info().rss - before)
