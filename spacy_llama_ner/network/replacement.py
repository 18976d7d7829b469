"""Put a finished folder in another's place, so that a process killed at any moment leaves one of them whole.

Standard library only. A power failure is another matter: nothing is flushed to the disk here.
"""

import ctypes
import os
import shutil
import sys
from pathlib import Path

_AT_FDCWD = -100
_EXCHANGE = 2  # RENAME_EXCHANGE of Linux's renameat2, RENAME_SWAP of macOS's renamex_np


def replace_folder(draft: Path, folder: Path) -> None:
    """Put a finished draft in a folder's place; if that fails, the folder is as it was.

    The two change places in one step where the system can do that. Elsewhere the old folder is moved aside first;
    a process killed just then leaves it whole beside the place, as the draft's name and `-old`.

    draft (Path): On the same file system. It is gone afterwards.
    folder (Path): What is there is deleted.
    """
    if folder.exists() and _exchange(draft, folder):
        shutil.rmtree(draft, ignore_errors=True)
        return
    old = draft.with_name(f"{draft.name}-old")
    if folder.exists():
        folder.rename(old)
    try:
        draft.rename(folder)
    except BaseException:
        if old.exists():
            old.rename(folder)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _exchange(one: Path, two: Path) -> bool:
    """Let two paths change places in one step.

    RETURNS (bool): False if the system or the file system cannot do that; then nothing has happened.
    """
    try:
        libc = ctypes.CDLL(None)
        if sys.platform == "darwin":
            return libc.renamex_np(os.fsencode(one), os.fsencode(two), _EXCHANGE) == 0
        return libc.renameat2(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(two), _EXCHANGE) == 0
    except (OSError, TypeError, AttributeError):  # no such library (TypeError: on Windows) or function
        return False
