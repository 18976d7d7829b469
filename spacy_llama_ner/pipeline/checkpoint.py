"""Save a pipeline whole or not at all.

`Language.to_disk` writes file by file over what is there: `tokenizer`, `meta.json`, `config.cfg`, each component,
`vocab`. Each file is empty from its opening until its content is ready; a training that is killed just then (of
a save's 48 ms in a small pipeline, in 11) leaves a `model-last` that spaCy cannot load.
"""

import copy
import glob
import shutil
import tempfile
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from spacy.language import Language

from spacy_llama_ner.replacement import replace_folder


def whole_checkpoints() -> Callable[[Language], Language]:
    """Let `spacy train` replace each checkpoint in one step.

    Registered as `spacy_llama_ner.WholeCheckpoints.v1` in `callbacks`, for `[training.before_to_disk]`.

    RETURNS (Callable): Gives the training loop a view of its pipeline, whose `to_disk` is `save_whole`.
    """

    def before_to_disk(nlp: Language) -> Language:
        view = copy.copy(nlp)
        view.to_disk = partial(save_whole, nlp)  # type: ignore[method-assign]
        return view

    return before_to_disk


def save_whole(nlp: Language, path: str | Path, *, exclude: Iterable[str] = ()) -> None:
    """Save a pipeline to a folder in one step: a process killed at any moment leaves the old or the new one.

    nlp (Language): Any pipeline.
    path (str / Path): The folder; what is there is replaced.
    exclude (Iterable[str]): Names of components or parts to leave out.
    RAISES (ValueError): If the path is a file.
    """
    folder = Path(path).resolve()
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{folder} is a file; a pipeline is saved to a folder")
    prefix = f".{folder.name}-draft-"
    for stale in folder.parent.glob(f"{glob.escape(prefix)}*"):  # of a save that was killed
        shutil.rmtree(stale, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=prefix, dir=folder.parent) as temporary:
        draft = Path(temporary) / folder.name  # inside: the temporary folder itself is private to the user
        nlp.to_disk(draft, exclude=list(exclude))
        replace_folder(draft, folder)
