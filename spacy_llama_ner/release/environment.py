"""Make a new virtual environment and install wheels into it, with or without an index."""

import logging
import os
import subprocess
import sys
import venv
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path

from spacy_llama_ner.release.errors import ReleaseError
from spacy_llama_ner.release.wheel import last_lines

logger = logging.getLogger(__name__)

# A small pure-Python package that spaCy requires, to see whether pip reaches an index.
PROBE = "wasabi"


class Dependencies(StrEnum):
    """Where the packages that a wheel requires come from."""

    install = "install"
    share = "share"
    auto = "auto"


def create_environment(
    folder: Path,
    wheels: Sequence[Path],
    *,
    constraints: Path | None = None,
    dependencies: Dependencies = Dependencies.auto,
    time_limit: float = 600,
) -> tuple[Path, Dependencies]:
    """Make a virtual environment and install wheels into it.

    folder (Path): Where the environment goes; must not exist.
    wheels (Sequence[Path]): The wheels, those that they require of each other among them.
    constraints (Path | None): A pip constraints file, for `install`.
    dependencies (Dependencies): `install` has pip install everything. `share` installs the wheels alone and
        lets the environment see this one's other packages. `auto` installs, and shares with a warning if no
        index is reached.
    time_limit (float): Seconds that pip may take.
    RETURNS (tuple[Path, Dependencies]): The environment's Python, and `install` or `share`, as it came out.
    RAISES (FileNotFoundError): If a wheel or the constraints file is missing.
    RAISES (ReleaseError): If pip cannot install the wheels or what they require, or takes too long.
    """
    for path in [*wheels, *([constraints] if constraints else [])]:
        if not path.is_file():
            raise FileNotFoundError(f"No file {path}; `package --with-project` builds both wheels.")
    venv.EnvBuilder(with_pip=True, symlinks=os.name != "nt").create(folder)
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if dependencies == Dependencies.auto:
        dependencies = _choose_dependencies(python)
    if dependencies == Dependencies.install:
        # Bytecode is compiled as it is imported: compiling all of torch takes longer than the check itself.
        options = ["--no-compile", *(["--constraint", str(constraints.resolve())] if constraints else [])]
        done = _pip_install(python, _paths(wheels), options, time_limit=time_limit)
        if done.returncode:
            raise ReleaseError(f"pip could not install the wheels and what they require:\n{last_lines(done)}")
        return python, dependencies
    done = _pip_install(python, _paths(wheels), ["--no-deps", "--no-index"], time_limit=time_limit)
    if done.returncode:
        raise ReleaseError(f"pip could not install the wheels:\n{last_lines(done)}")
    _share_packages(folder)
    return python, Dependencies.share


def clean_variables() -> dict[str, str]:
    """Return this process's environment variables without those that show Python other folders."""
    return {
        key: value
        for key, value in os.environ.items()
        if key not in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")
    }


def _choose_dependencies(python: Path) -> Dependencies:
    """RETURNS (Dependencies): `install` if pip reaches an index; else `share`, with a warning."""
    probe = _pip_install(python, [PROBE], ["--dry-run", "--ignore-installed", "--no-deps"], time_limit=60)
    if not probe.returncode:
        return Dependencies.install
    logger.warning(
        "pip reached no package index: the new environment shares this one's dependencies and only the "
        "wheels are installed, so a missing requirement would go unseen. pip said: %s",
        last_lines(probe, count=1),
    )
    return Dependencies.share


def _paths(wheels: Sequence[Path]) -> list[str]:
    return [str(wheel.resolve()) for wheel in wheels]


def _pip_install(
    python: Path, requirements: list[str], options: list[str], *, time_limit: float
) -> subprocess.CompletedProcess:
    command = [
        str(python),
        "-m",
        "pip",
        "install",
        "--no-input",
        "--disable-pip-version-check",
        "--retries",
        "1",
    ]
    command += [*options, *requirements]
    try:
        return subprocess.run(
            command,
            cwd=python.parent,
            env=clean_variables(),
            capture_output=True,
            text=True,
            timeout=time_limit,
            check=False,
        )
    except subprocess.TimeoutExpired as e:
        raise ReleaseError(f"pip took longer than {time_limit:.0f} seconds; see --time-limit.") from e


def _share_packages(folder: Path) -> None:
    """Let an environment see the packages of this one, behind its own.

    Paths in a .pth file come after the folder that it lies in, so the installed wheels win; and .pth files
    within those paths are not read, so this environment's editable installs stay unseen.
    """
    shared = [path for path in sys.path if Path(path).name in ("site-packages", "dist-packages")]
    site_packages = next(folder.glob("lib/python*/site-packages"), folder / "Lib" / "site-packages")
    (site_packages / "zz_shared.pth").write_text("\n".join(shared) + "\n", encoding="utf8")
