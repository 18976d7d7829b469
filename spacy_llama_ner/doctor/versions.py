"""Installed versions against those that this package asks for, and those that it was tested with."""

import platform
import re
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distributions, metadata, requires, version
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from spacy_llama_ner.doctor.check import FAIL, WARN, Check

PACKAGE = "spacy-llama-ner"
# Beside what the package itself needs: what training from the hub does.
EXTRAS = ("", "project")
CUPY = re.compile(r"cupy(-cuda\d+x|-rocm-[\d-]+)?")


def check_versions(*, gpu_id: int, constraints: Path) -> list[Check]:
    """Compare the installed packages with the ranges in our own metadata and with the tested versions.

    gpu_id (int): The GPU, or -1; a GPU needs CuPy and a torch that is built for it.
    constraints (Path): A file as `pip install -c` takes it; it may be missing.
    RETURNS (List[Check]): Python, each package, CuPy where it is needed, the tested versions.
    """
    asked = list(_requirements())
    checks = [_check_python(), *(_check_package(requirement) for requirement in asked)]
    if gpu_id >= 0 and platform.system() != "Darwin":
        checks.append(_check_cupy())
    if constraints.is_file():
        checks.append(_check_constraints(constraints))
    return checks


def installed(name: str) -> str | None:
    """RETURNS (Optional[str]): The installed version; None if there is none."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _requirements() -> Iterator[Requirement]:
    """YIELDS (Requirement): What the package and its extra for this project ask for on this platform."""
    try:
        lines = requires(PACKAGE) or []
    except PackageNotFoundError as error:
        raise ValueError(
            f"the package {PACKAGE} is not installed, so spaCy does not find its component: "
            "`pip install -c constraints.txt -e '.[project]'` in the project's folder"
        ) from error
    for requirement in map(Requirement, lines):
        marker = requirement.marker
        if marker is None or any(marker.evaluate({"extra": extra}) for extra in EXTRAS):
            yield requirement


def _check_python() -> Check:
    asked = SpecifierSet(metadata(PACKAGE)["Requires-Python"] or "")
    found = platform.python_version()
    if Version(found) in asked:
        return Check("Python", found)
    return Check("Python", f"{found}, asked {asked}", FAIL, f"Make a new environment with Python {asked}.")


def _check_package(requirement: Requirement) -> Check:
    name, asked = requirement.name, requirement.specifier
    found = installed(name)
    fix = f'`pip install -c constraints.txt "{name}{asked}"`'
    if found is None:
        return Check(name, f"not installed, asked {asked}", FAIL, fix)
    if not asked.contains(found, prereleases=True):
        return Check(name, f"{found}, asked {asked}", FAIL, fix)
    return Check(name, f"{found}, asked {asked}")


def _check_cupy() -> Check:
    """spaCy keeps the optimizer's arrays with CuPy, whichever of its builds it is."""
    if builds := sorted(name for name in _distributions() if CUPY.fullmatch(name)):
        return Check("CuPy", f"{builds[0]} {installed(builds[0])}")
    return Check(
        "CuPy", "not installed", FAIL, f"spaCy needs it on a GPU: `pip install '{PACKAGE}[cuda12x]'`."
    )


def _distributions() -> set[str]:
    return {str(found.metadata["Name"]).lower() for found in distributions()}


def _check_constraints(path: Path) -> Check:
    lines = (line.partition("#")[0].strip() for line in path.read_text(encoding="utf8").splitlines())
    tested = [Requirement(line) for line in lines if line]
    other = [
        f"{requirement.name} {found} ({requirement.specifier})"
        for requirement in tested
        if (found := installed(requirement.name))
        and not requirement.specifier.contains(found, prereleases=True)
    ]
    what = f"tested versions ({path.name})"
    if not other:
        return Check(what, "as tested")
    advice = (
        f"Not as tested: {', '.join(other)}. If something fails: `pip install -c {path} -e '.[project]'`."
    )
    return Check(what, f"{len(other)} of {len(tested)} differ", WARN, advice)
