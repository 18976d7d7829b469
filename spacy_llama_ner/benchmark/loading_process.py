"""One measurement of loading and saving, in a process of its own: `loading` starts it and reads its report.

python -m spacy_llama_ner.benchmark.loading_process make REPORT CONFIG BACKBONE PIPELINE [--inside]
python -m spacy_llama_ner.benchmark.loading_process load REPORT PIPELINE
python -m spacy_llama_ner.benchmark.loading_process save REPORT PIPELINE COPY
"""

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import spacy
import torch
from spacy.language import Language
from spacy.training import Example
from spacy.util import fix_random_seed, load_config, load_model_from_config
from transformers.utils import logging

# All libraries are there before anything is measured: spacy, torch, transformers, peft.
import spacy_llama_ner.network.storage  # noqa: F401
from spacy_llama_ner.benchmark import memory

PIPE = "llama_crf_ner"
TEXT = "Ilse Vandermeer of Northgate Steel flew to Lisbon for talks with a Danish rival."
ENTITIES = [(0, 15, "PER"), (19, 34, "ORG"), (43, 49, "LOC"), (67, 73, "MISC")]


def make(config: Path, backbone: Path, pipeline: Path, *, inside: bool) -> dict[str, Any]:
    """Save an untrained pipeline.

    config (Path): A training config with the component `llama_crf_ner`.
    backbone (Path): A Hugging Face folder, in place of the config's.
    pipeline (Path): Where the pipeline goes.
    inside (bool): Whether the backbone is saved inside of it.
    RETURNS (dict): Nothing.
    """
    fix_random_seed(0)
    place = f"components.{PIPE}.model.backbone"
    overrides = {f"{place}.name": str(backbone.resolve()), f"{place}.save_inside": inside}
    nlp = load_model_from_config(load_config(config, overrides), auto_fill=True)
    example = Example.from_dict(nlp.make_doc(TEXT), {"entities": ENTITIES})
    nlp.initialize(lambda: [example])
    nlp.to_disk(pipeline)
    return {}


def load(pipeline: Path) -> dict[str, Any]:
    """Load a pipeline.

    pipeline (Path): From `make`.
    RETURNS (dict): Seconds, and bytes: of the weights, of the libraries before, all and anonymous, of the peak.
    """
    return _load(pipeline)[1]


def save(pipeline: Path, copy: Path) -> dict[str, Any]:
    """Load a pipeline and save it elsewhere.

    pipeline (Path): From `make`.
    copy (Path): A folder that is not there yet.
    RETURNS (dict): As `load`, but the seconds are those of saving, and the peak that of both; and the bytes of all
        files that were written.
    """
    nlp, report = _load(pipeline)
    start = time.perf_counter()
    nlp.to_disk(copy)
    report["seconds"] = time.perf_counter() - start
    report["peak"] = memory.read("VmHWM")
    report["written"] = sum(path.stat().st_size for path in copy.rglob("*") if path.is_file())
    return report


def _load(pipeline: Path) -> tuple[Language, dict[str, Any]]:
    torch.set_num_threads(1)
    before = {"libraries": memory.read("VmRSS"), "libraries_anonymous": memory.read("RssAnon")}
    start = time.perf_counter()
    nlp = spacy.load(pipeline)
    seconds = time.perf_counter() - start
    peak = memory.read("VmHWM")
    network = nlp.get_pipe(PIPE).shim.network  # type: ignore[attr-defined]
    weights = sum(weight.nbytes for weight in network.parameters())
    return nlp, {"seconds": seconds, "weights": weights, **before, "peak": peak}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one measurement.

    arguments (Optional[Sequence[str]]): By default those of the command line.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("work", choices=("make", "load", "save"))
    parser.add_argument("report", type=Path)
    parser.add_argument("paths", type=Path, nargs="+")
    parser.add_argument("--inside", action="store_true")
    options = parser.parse_args(arguments)
    logging.disable_progress_bar()
    if options.work == "make":
        report = make(*options.paths, inside=options.inside)
    elif options.work == "load":
        report = load(*options.paths)
    else:
        report = save(*options.paths)
    options.report.write_text(json.dumps(report), encoding="utf8")


if __name__ == "__main__":
    main()
