"""`clean`: remove generated files and folders."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Annotated

from typer import Argument

from spacy_llama_ner.cli import app
from spacy_llama_ner.cli.console import msg, user_errors


@app.command("clean")
def clean_cli(
    paths: Annotated[list[Path], Argument(help="Files and folders inside the current one; no patterns")],
) -> None:
    """Remove generated files and folders; nothing outside the current folder, nothing that git tracks."""
    with user_errors("Nothing was removed"):
        for path in paths:
            check_removable(path)
        for path in paths:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            elif path.exists() or path.is_symlink():
                path.unlink()
            else:
                msg.info(f"{path} is not there")
                continue
            msg.good(f"Removed {path}")


def check_removable(path: Path) -> None:
    """Refuse a path whose removal could lose work.

    path (Path): A path, which may be missing.
    RAISES (ValueError): If it is absolute, is not strictly inside the current folder, is git's own, or holds
        files that git tracks.
    RAISES (OSError): If git does not answer, so that nobody knows.
    """
    here = Path.cwd().resolve()
    # The parent alone is resolved: of a link to elsewhere the link goes, not what it points to.
    place = Path(os.path.normpath(path))
    inside = (here / place.parent).resolve() / place.name
    if path.is_absolute() or place.name in ("", "..") or inside == here or not inside.is_relative_to(here):
        raise ValueError(f"{path} is not a relative path to something inside {here}.")
    if ".git" in inside.relative_to(here).parts:
        raise ValueError(f"{path} belongs to git itself.")
    tracked = _tracked(inside.relative_to(here))
    if tracked:
        raise ValueError(f"{path} holds {len(tracked)} files that git tracks, {tracked[0]} for one.")


def _tracked(path: Path) -> list[str]:
    if shutil.which("git") is None:
        return []
    command = ["git", "--literal-pathspecs", "ls-files", "-z", "--", str(path)]
    variables = {**os.environ, "LC_ALL": "C"}
    done = subprocess.run(command, capture_output=True, text=True, env=variables, timeout=60, check=False)
    if done.returncode and "not a git repository" in done.stderr:
        return []
    if done.returncode:
        raise OSError(f"git does not say whether {path} is tracked: {done.stderr.strip()}")
    return [name for name in done.stdout.split("\0") if name]
