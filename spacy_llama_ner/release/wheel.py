"""Build wheels from a source folder, and read what a built wheel requires."""

import email
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from pathlib import Path

from spacy_llama_ner.release.errors import ReleaseError

PROJECT = "spacy-llama-ner"
TIME_LIMIT = 600  # seconds
SECONDS_PER_GB = 120  # for disks that are slow
# From so many bytes on a wheel is not compressed: a gigabyte of weights takes a core 45 seconds, as much memory again,
# and gets a quarter smaller.
STORED_BYTES = 1_000_000_000


def build_wheel(source: Path, output_dir: Path) -> Path:
    """Build a wheel with the build tools of this environment.

    source (Path): A folder with a pyproject.toml or setup.py. The build leaves `build/` and `*.egg-info` in
        it.
    output_dir (Path): Where the wheel goes; created if missing.
    RETURNS (Path): The wheel.
    RAISES (ReleaseError): If the build fails or takes too long; the message ends with the tool's own last lines.
    """
    size = sum(path.stat().st_size for path in source.rglob("*") if path.is_file())
    limit = TIME_LIMIT + SECONDS_PER_GB * size / 1e9
    # Beside the source: the system's temporary folder may be too small for gigabytes.
    with tempfile.TemporaryDirectory(dir=source.resolve().parent) as folder:
        # No isolation: an isolated build downloads setuptools, which needs an index. Not from the source
        # folder: there `-m` would put modules named like ours in front of the build tools'.
        command = [sys.executable, "-m", "build", "--wheel", "--no-isolation"]
        command += ["--outdir", folder, str(source.resolve())]
        if size > STORED_BYTES:
            command += ["--config-setting=--build-option=--compression=stored"]
        try:
            done = subprocess.run(
                command, cwd=folder, capture_output=True, text=True, timeout=limit, check=False
            )
        except subprocess.TimeoutExpired as e:
            raise ReleaseError(
                f"Building a wheel of {source} ({size / 1e9:.1f} GB) took longer than {limit:.0f} seconds. Is the "
                "machine busy, or the disk slow?"
            ) from e
        wheels = list(Path(folder).glob("*.whl"))
        if done.returncode or len(wheels) != 1:
            raise ReleaseError(
                f"Building a wheel of {source} failed (exit {done.returncode}, {len(wheels)} wheels). "
                f"`build` and `setuptools` must be installed here. Its last words:\n{last_lines(done)}"
            )
        output_dir.mkdir(parents=True, exist_ok=True)
        wheel = output_dir.resolve() / wheels[0].name
        draft = wheel.with_name(f".{wheel.name}.part")
        try:  # not straight to its name: a full disk would leave half a wheel
            shutil.copy(wheels[0], draft)
            return draft.replace(output_dir / wheel.name)
        finally:
            draft.unlink(missing_ok=True)


def build_project_wheel(project_dir: Path, output_dir: Path) -> Path:
    """Build the wheel of `spacy_llama_ner` from a checkout, leaving nothing in the checkout.

    project_dir (Path): The folder with this project's pyproject.toml.
    output_dir (Path): Where the wheel goes; an older wheel of the same name is replaced.
    RETURNS (Path): The wheel.
    RAISES (FileNotFoundError): If the folder is not this project's.
    RAISES (ReleaseError): If the build fails.
    """
    pyproject = project_dir / "pyproject.toml"
    name = (
        tomllib.loads(pyproject.read_text(encoding="utf8"))["project"]["name"]
        if pyproject.is_file()
        else None
    )
    if name != PROJECT:
        raise FileNotFoundError(
            f"{project_dir.resolve()} is not the folder of {PROJECT} (name in pyproject.toml: {name}): "
            "run the command in a checkout of the project."
        )
    package = PROJECT.replace("-", "_")
    # From a copy: setuptools takes files into the wheel that an earlier build left in build/, even deleted
    # ones.
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        shutil.copytree(project_dir / package, copy / package, ignore=shutil.ignore_patterns("__pycache__"))
        for path in project_dir.iterdir():
            if path.is_file() and path.name.startswith(("pyproject.toml", "README", "LICENSE", "MANIFEST")):
                shutil.copy(path, copy)
        return build_wheel(copy, output_dir)


def wheel_requirements(wheel: Path) -> list[str]:
    """Read what a wheel requires.

    wheel (Path): A built wheel.
    RETURNS (list[str]): Its `Requires-Dist` lines, extras' lines among them.
    RAISES (ReleaseError): If the file is no wheel.
    """
    try:
        with zipfile.ZipFile(wheel) as archive:
            names = [name for name in archive.namelist() if re.fullmatch(r"[^/]+\.dist-info/METADATA", name)]
            metadata = email.message_from_bytes(archive.read(names[0]))
    except (OSError, zipfile.BadZipFile, IndexError) as e:
        raise ReleaseError(f"{wheel} is not a readable wheel: {e}.") from e
    return [str(line) for line in metadata.get_all("Requires-Dist", [])]


def check_requires_project(wheel: Path) -> str:
    """Check that whoever installs a pipeline's wheel also gets this package.

    wheel (Path): The pipeline's wheel.
    RETURNS (str): The requirement, such as "spacy-llama-ner<0.2.0,>=0.1.0".
    RAISES (ReleaseError): If there is none.
    """
    requirements = wheel_requirements(wheel)
    for requirement in requirements:
        name = re.match(r"[A-Za-z0-9._-]+", requirement)
        if name and re.sub(r"[-_.]+", "-", name.group()).lower() == PROJECT:
            return requirement
    raise ReleaseError(
        f"{wheel.name} does not require {PROJECT} (but: {', '.join(requirements) or 'nothing'}), so it "
        "could not be loaded where it is installed. spaCy adds the requirement if a component of the "
        f"pipeline comes from this package and the installed {PROJECT} has a top_level.txt: install it with "
        'setuptools (`pip install .` or `pip install -e .`), or name the requirement under "requirements" in '
        "the pipeline's meta.json."
    )


def last_lines(done: subprocess.CompletedProcess, *, count: int = 12) -> str:
    """Cut a finished command's output to its last lines, standard output before standard error."""
    return os.linesep.join((done.stdout + done.stderr).strip().splitlines()[-count:])
