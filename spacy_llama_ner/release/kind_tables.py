"""Lay out what a package of another kind costs, beside the pipeline it was made from."""

from typing import Any

from spacy_llama_ner.evaluation.table import percent
from spacy_llama_ner.evaluation.tables import Table


def cost_table(columns: dict[str, dict[str, Any]]) -> Table:
    """Lay out sizes, times and scores.

    columns (dict[str, dict]): By the name of each pipeline, what `sizes` and `try_pipeline` returned, in one dict.
    RETURNS (Table): One column a pipeline.
    """
    found = list(columns.values())
    rows = [
        ("on disk, MB", *(_megabytes(one["total"]) for one in found)),
        ("of that the tokenizer, MB", *(_megabytes(one["tokenizer"]) for one in found)),
        ("load, s", *(f"{one['load_seconds']:.1f}" for one in found)),
        ("peak memory, MB", *(_megabytes(one["peak_bytes"]) for one in found)),
        ("words per second", *(f"{one['words'] / one['predict_seconds']:,.0f}" for one in found)),
    ]
    if all(one["f1"] is not None for one in found):
        rows.append(("F1, percent", *(percent(one["f1"]) for one in found)))
    return Table(
        "What it costs",
        ("", *columns),
        rows,
        ["Loaded and run in a process of its own each; time and memory with the libraries."],
    )


def _megabytes(size: int | None) -> str:
    return "-" if size is None else f"{size / 1e6:,.1f}"
