"""Lay out calibration before and after the temperature as a table of text."""

from typing import Any

from spacy_llama_ner.evaluation.table import percent
from spacy_llama_ner.evaluation.tables import Table

_PERCENT = {
    "ece": "expected calibration error",
    "ece_equal_mass": "the same, bins of equal count",
    "mce": "largest error of a bin",
    "mean_score": "mean score",
    "precision": "precision",
    "f1": "F1",
}
_PLAIN = {"brier": "Brier score", "nll": "log loss, nats", "auroc": "AUROC, right against wrong"}


def calibration_tables(result: dict[str, Any]) -> list[Table]:
    """Lay out what `calibrate` found.

    result (dict): What `calibrate` returns, or the same read from JSON.
    RETURNS (list[Table]): One table, with a column for each corpus before and after.
    """
    corpora = [name for name in ("dev", "test") if name in result]
    columns = [result[name][when] for name in corpora for when in ("before", "after")]
    header = ("", *(f"{name}, {when}" for name in corpora for when in ("before", "after")))
    rows = [(title, *(_percent(column[key]) for column in columns)) for key, title in _PERCENT.items()]
    rows.insert(1, ("at most, if calibrated", *(_chance(column) for column in columns)))
    rows += [(title, *(_plain(column[key]) for column in columns)) for key, title in _PLAIN.items()]
    rows.append(("entities", *(f"{column['entities']:,}" for column in columns)))
    notes = [
        result.get("warning")
        or f"Temperature {result['temperature']:.3f}, fitted on dev. It changes no entity.",
        "At most, if calibrated: in 95% of draws, perfectly calibrated scores of as many entities show no "
        "larger error.",
    ]
    for name in corpora:
        if unscored := result[name]["after"]["unscored"]:
            notes.append(f"{name}: {unscored:,} predicted entities without a score are left out.")
    return [Table("Calibration of scores: errors, means, precision and F1 in percent", header, rows, notes)]


def _chance(measured: dict[str, Any]) -> str:
    chance = measured["ece_by_chance"]
    return _percent(chance and chance["high"])


def _percent(fraction: float | None) -> str:
    return "-" if fraction is None else percent(fraction)


def _plain(number: float | None) -> str:
    return "-" if number is None else f"{number:.4f}"
