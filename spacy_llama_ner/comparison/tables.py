"""Lay out a comparison and an ablation as tables of text, which the terminal and Markdown share."""

from collections.abc import Sequence
from typing import Any

from spacy_llama_ner.evaluation.table import percent
from spacy_llama_ner.evaluation.tables import Table


def compare_tables(result: dict[str, Any]) -> list[Table]:
    """Lay out a comparison.

    result (dict): What `compare` writes, or the same read from JSON.
    RETURNS (list[Table]): What was measured, with numbered notes; and what is quoted, if anything is.
    """
    systems = result["systems"]
    labels = sorted({label for system in systems for label in system["per_label"]})
    with_cost = any(system["cost"] is not None for system in systems)
    notes: list[str] = []
    rows = [_system(system, labels, notes, with_cost=with_cost) for system in systems]
    header = (
        "System",
        "F1",
        *labels,
        "words/s",
        "MB",
        "training",
        *(("cost",) if with_cost else ()),
        "notes",
    )
    corpus, machine, timing = result["corpus"], result["machine"], result["timing"]
    measured = Table(
        f"Systems on {corpus['test']}: F1 in percent",
        header,
        rows,
        [
            *(f"{number}: {note}." for number, note in enumerate(notes, start=1)),
            f"{corpus['docs']:,} docs, {corpus['tokens']:,} tokens, {corpus['entities']:,} entities. F1: strict, on "
            f"gold tokens. words/s: median of {timing['rounds']} rounds in turns over raw text of at most "
            f"{timing['most_words']:,} words. training: the whole `spacy train`, with start and evaluations. "
            f"{machine['gpu'] or machine['processor']}, threads: {machine['threads']}. A dash: not known.",
        ],
    )
    return [measured, *([_quoted(result["quoted"])] if result["quoted"] else [])]


def ablation_tables(result: dict[str, Any]) -> list[Table]:
    """Lay out an ablation.

    result (dict): What `ablate` writes, or the same read from JSON.
    RETURNS (list[Table]): The cells, and the difference that each axis makes, as far as pairs were trained.
    """
    cells = [
        (name, _mean(cell), _deviation(cell), str(cell["n"]), f"{cell['seconds']:,.0f}")
        for name, cell in result["cells"].items()
    ]
    axes = [
        (
            f"{axis['first']} - {axis['second']}",
            f"{100 * axis['mean']:+.2f}",
            _deviation(axis),
            str(axis["n"]),
        )
        for axis in result["axes"].values()
        if axis["n"]
    ]
    note = (
        f"F1 on {result['scored_on']}, strict, on gold tokens, of each training's best pipeline on {result['dev']}. "
        "Deviation: of the sample (n - 1), - for one seed."
    )
    if not cells:
        return []
    tables = [Table("Cells: F1 in percent", ("Cell", "mean", "deviation", "seeds", "s each"), cells, [note])]
    if axes:
        pairs = "Pairs differ in this alone: seed and the other axes are equal."
        header = ("Difference", "mean", "deviation", "pairs")
        tables.append(Table("What each axis makes, in points of F1", header, axes, [pairs]))
    return tables


def _system(
    system: dict[str, Any], labels: Sequence[str], notes: list[str], *, with_cost: bool
) -> tuple[str, ...]:
    """Make a row; its notes are added to `notes` once and named by their number."""
    numbers = []
    for note in [*_origin(system), *system["notes"]]:
        if note not in notes:
            notes.append(note)
        numbers.append(str(notes.index(note) + 1))
    cost = system["cost"]
    return (
        system["name"],
        percent(system["f1"]),
        *(percent(system["per_label"][label]) if label in system["per_label"] else "-" for label in labels),
        "-" if system["words_per_second"] is None else f"{system['words_per_second']:,.0f}",
        "-" if system["bytes"] is None else f"{system['bytes'] / 1e6:,.2f}",
        _duration(system["training_seconds"]),
        *(("-" if cost is None else f"${cost:,.2f}",) if with_cost else ()),
        ", ".join(numbers),
    )


def _origin(system: dict[str, Any]) -> list[str]:
    """RETURNS (list[str]): What a system is, where its name is one of ours and not the user's."""
    return [f"{system['name']}: {system['description']}"] if system["origin"] == "trained here" else []


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    return f"{seconds:.2f} s" if seconds < 1 else f"{seconds:,.0f} s"


def _quoted(rows: Sequence[dict[str, Any]]) -> Table:
    cells = [(row["system"], percent(row["f1"]), row["source"], row["note"] or "") for row in rows]
    return Table("Quoted, not measured here: CoNLL-2003 test F1", ("System", "F1", "source", "note"), cells)


def _mean(cell: dict[str, Any]) -> str:
    return percent(cell["mean"])


def _deviation(cell: dict[str, Any]) -> str:
    return "-" if cell["deviation"] is None else percent(cell["deviation"])
