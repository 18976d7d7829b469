"""Write a pipeline with another temperature; all other files stay byte for byte what they are."""

import shutil
import tempfile
from pathlib import Path
from typing import cast

from spacy.language import Language

from spacy_llama_ner.calibration.pipeline import find_component
from spacy_llama_ner.replacement import replace_folder


def check_output(output: Path, *, model: str, force: bool) -> None:
    """Check, before any work, that the output may be written.

    output (Path): The folder to write.
    model (str): The pipeline that is read: a folder or a package's name.
    force (bool): Whether another pipeline may be replaced.
    RAISES (ValueError): If something is there that is not to be replaced.
    """
    source, place = Path(model).resolve(), output.resolve()
    if place == source:
        return
    if place.is_relative_to(source):
        raise ValueError(
            f"{output} is inside of the pipeline {model}. Choose another output, or the pipeline's own folder."
        )
    if not output.exists():
        return
    if not output.is_dir():
        raise ValueError(f"{output} is a file; a pipeline is saved to a folder. Choose another output.")
    if not any(output.iterdir()):
        return
    if not (output / "meta.json").is_file():  # --force is for pipelines, not for a mistyped home folder
        raise ValueError(
            f"{output} is a folder that holds no pipeline and would be replaced. Choose another output."
        )
    if not force:
        raise ValueError(
            f"{output} holds another pipeline: replace it with --force, or choose another output."
        )


def save_calibrated(nlp: Language, output: Path) -> None:
    """Copy the folder that a pipeline was loaded from, with the temperature that its component has now.

    nlp (Language): Loaded by `spacy.load`, its component changed in temperature alone.
    output (Path): The folder; what is there is replaced whole or not at all. It may be the pipeline's own.
    """
    pipe = find_component(nlp)
    output = output.resolve()
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{output.name}-draft-", dir=output.parent) as temporary:
        draft = Path(temporary) / output.name
        shutil.copytree(cast(Path, nlp.path), draft)
        pipe.to_disk(draft / pipe.name, exclude=["model", "vocab"])
        replace_folder(draft, output)
