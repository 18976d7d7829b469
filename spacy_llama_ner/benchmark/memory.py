"""How much memory a process uses, from Linux's own books.

`VmHWM` in /proc/PID/status is the most that the process has ever had resident, pages of mapped files included. It
belongs to the address space, so it begins anew with a program. Not `resource.ru_maxrss`: a child inherits it over
fork and exec, and would report its parent's peak.
Source: proc_pid_status(5); Linux, fs/exec.c, `exec_mmap` (which hands the old peak on to `ru_maxrss`).
"""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Sampled:
    """Highest values seen while sampling, in bytes; a short peak between two samples is missed.

    anonymous (int): `RssAnon`: the process's own pages.
    file (int): `RssFile`: pages of mapped files (weights, libraries), which other processes share.
    """

    anonymous: int = 0
    file: int = 0


def read(field: str, process: int | str = "self") -> int:
    """Read one of a process's figures.

    field (str): "VmHWM", "VmRSS", "RssAnon" or "RssFile".
    process (int / str): Its id.
    RETURNS (int): Bytes.
    RAISES (ValueError): If there is none of that name: not on Linux, or the process has ended.
    """
    path = Path("/proc") / str(process) / "status"
    try:
        lines = path.read_text(encoding="utf8").splitlines()
    except OSError as error:
        raise ValueError(f"cannot read {path}: {error}; memory is measured on Linux only") from error
    for line in lines:
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024
    raise ValueError(f"{path} has no {field}; the process has ended, or this is not Linux")


def run(command: list[str], *, every: float = 0.02) -> tuple[int, Sampled]:
    """Run a command to its end and sample its memory from outside, whatever its threads do.

    command (List[str]): Program and arguments.
    every (float): Seconds between two samples.
    RETURNS (Tuple[int, Sampled]): Exit status, and the highest values seen.
    """
    sampled = Sampled()
    # One thread, unless asked for more: figures should not depend on what shares the machine.
    environment = {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false", **os.environ}
    with subprocess.Popen(command, env=environment) as process:
        while process.poll() is None:
            try:
                sampled.anonymous = max(sampled.anonymous, read("RssAnon", process.pid))
                sampled.file = max(sampled.file, read("RssFile", process.pid))
            except ValueError:
                pass  # it ended between two looks
            try:
                process.wait(every)
            except subprocess.TimeoutExpired:
                continue
    return process.returncode, sampled
