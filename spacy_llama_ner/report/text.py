"""Write the project's report in Markdown. Every figure comes from a file; the template has none."""

import re
from pathlib import Path
from typing import Any

from spacy_llama_ner.analysis.table import (
    FACTOR_TITLES,
    confusion_table,
    confusion_title,
    example_line,
    factor_table,
)
from spacy_llama_ner.calibration.tables import calibration_tables
from spacy_llama_ner.comparison.published import PUBLISHED
from spacy_llama_ner.comparison.tables import ablation_tables, compare_tables
from spacy_llama_ner.evaluation.official import SPLITS
from spacy_llama_ner.evaluation.tables import Table, escape_markdown, evaluation_tables
from spacy_llama_ner.report import project as own
from spacy_llama_ner.report.page import make_environment
from spacy_llama_ner.report.runs import read_run

TEMPLATE = "report.md.jinja"
CONFIG = "configs/mini.cfg"
REAL, DEV = "llama-3.2-1b", "conll2003-dev"  # runs beside the one that is reported
SHOWN_CONFUSIONS = 8
SHOWN_FACTORS = ("entity_length", "sentence_length", "seen", "sentence_casing")


def render_text(folder: Path, *, project: Path) -> str:
    """Write the report.

    folder (Path): The figures of the profile `mini`, see `runs.read_run`. Beside it there may be folders of figures of
        the profile `llama-3.2-1b` and of `conll2003-dev`; what is not there is named as not measured.
    project (Path): The project's folder, with its configs, corpus, backbone and benchmarks.
    RETURNS (str): Markdown; the same files give the same text.
    RAISES (FileNotFoundError): If there is no `test.json` in the folder, or a file of the project is missing.
    RAISES (ValueError): If a file is not what the command behind it writes.
    """
    if not (project / CONFIG).is_file():
        raise FileNotFoundError(f"No {CONFIG} in {project.resolve()}: run this in the project's folder.")
    run = read_run(folder)
    if run is None:
        raise FileNotFoundError(
            f"No test.json in {folder}: run the project (`python -m spacy project run all .`), or name its metrics."
        )
    beside = {name: read_run(folder.parent / name) for name in (REAL, DEV)}
    environment = make_environment()
    environment.filters |= {"corpus_name": _corpus_name, "escaped": escape_markdown, "listed": _list}
    text = environment.get_template(TEMPLATE).render(
        run=run,
        real=beside[REAL],
        dev=beside[DEV],
        corpus=own.count_corpus(project),
        official=SPLITS,
        backbone=own.describe_backbone(project),
        profiles=own.PROFILES,
        settings=own.list_settings(project),
        pretraining=own.read_pretraining(project),
        score_tables=evaluation_tables,
        error_tables=_error_tables,
        calibration_tables=calibration_tables,
        compare_tables=lambda result: compare_tables({**result, "quoted": []}),
        ablation_tables=ablation_tables,
        quoted=[(system, f1, source, note or "") for system, f1, source, note in PUBLISHED],
        confusion_title=confusion_title,
        example_line=example_line,
        shown_confusions=SHOWN_CONFUSIONS,
    )
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def _error_tables(errors: dict[str, Any]) -> list[Table]:
    """RETURNS (list[Table]): Confusions of labels, and one table of the factors that are known."""
    confusion = confusion_table(errors["confusion"])
    known = [(name, errors["factors"][name]) for name in SHOWN_FACTORS if errors["factors"].get(name)]
    parts = [factor_table(FACTOR_TITLES[name], rows) for name, rows in known]
    rows = [(f"{part.title}: {bucket}", *cells) for part in parts for bucket, *cells in part.rows]
    factors = [Table("Errors by factor", parts[0].header, rows)] if parts else []
    return [confusion, *factors]


def _corpus_name(evaluation: dict[str, Any]) -> str:
    """RETURNS (str): The split of CoNLL-2003 that a corpus is by its counts, or its path."""
    return (evaluation.get("official") or {}).get("split") or evaluation["corpus"]


def _list(words: list[str]) -> str:
    """Write words as a list in a sentence."""
    return " and ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))
