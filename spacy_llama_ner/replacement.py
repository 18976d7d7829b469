"""Write a file or a folder whole or not at all: a full disk or a kill at any moment leaves the old one or the new.

Standard library only. A power failure is another matter: nothing is flushed to the disk here.
"""

import ctypes
import os
import shutil
import sys
import threading
from pathlib import Path

_AT_FDCWD = -100
_EXCHANGE = 2  # RENAME_EXCHANGE of Linux's renameat2, RENAME_SWAP of macOS's renamex_np


def write_whole(path: Path, data: bytes) -> None:
    """Write a file so that neither a full disk nor an interrupt leaves half of it under its name.

    path (Path): The file, in a folder that exists; what was there is replaced at the end. A link stays one. A device
        such as /dev/stdout is written to as it is.
    data (bytes): Its content.
    RAISES (OSError): If it cannot be written; what was there is as it was.
    """
    if path.is_relative_to("/dev") or (
        path.exists() and not path.is_file()
    ):  # a pipe; a folder is an error here
        path.write_bytes(data)
        return
    path = path.resolve()
    draft = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}")
    try:
        draft.write_bytes(data)
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def replace_folder(draft: Path, folder: Path) -> None:
    """Put a finished draft in a folder's place; if that fails, the folder is as it was.

    The two change places in one step where the system can do that (Linux, macOS). Elsewhere the old folder is moved
    aside first; a process killed just then leaves it whole beside the place, as `.NAME-old`, until the next success.

    draft (Path): On the same file system. It is gone afterwards.
    folder (Path): What is there is deleted.
    """
    old = folder.with_name(f".{folder.name}-old")
    if folder.exists():
        shutil.rmtree(old, ignore_errors=True)
        if _exchange(draft, folder):
            shutil.rmtree(draft, ignore_errors=True)
            return
        folder.rename(old)
    try:
        draft.rename(folder)
    except BaseException:
        if old.exists() and not folder.exists():
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
