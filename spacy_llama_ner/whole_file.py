"""Write a file whole or not at all."""

import os
from pathlib import Path


def write_whole(path: Path, data: bytes) -> None:
    """Write a file so that neither a full disk nor an interrupt leaves half of it under its name.

    path (Path): The file, in a folder that exists; what was there is replaced at the end. A link stays one.
    data (bytes): Its content.
    RAISES (OSError): If it cannot be written; what was there is as it was.
    """
    path = path.resolve()
    if path.exists() and not path.is_file():  # such as /dev/stdout; a folder is an error here
        path.write_bytes(data)
        return
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        draft.write_bytes(data)
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
