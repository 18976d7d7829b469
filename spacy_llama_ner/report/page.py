"""Write the page."""

import re
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from spacy_llama_ner.analysis.factors import LABEL
from spacy_llama_ner.analysis.table import error_table
from spacy_llama_ner.analysis.types import ERRORS
from spacy_llama_ner.calibration.tables import calibration_tables
from spacy_llama_ner.comparison.tables import ablation_tables, compare_tables
from spacy_llama_ner.evaluation.tables import Table, evaluation_tables
from spacy_llama_ner.report import plots
from spacy_llama_ner.report.sentences import render_sentence
from spacy_llama_ner.report.sources import Sources

TEMPLATES = "templates"


def render_page(sources: Sources, *, title: str) -> str:
    """Write the report as one HTML page that loads nothing.

    sources (Sources): What it shows.
    title (str): Its heading.
    RETURNS (str): HTML; the same sources give the same text.
    """
    environment = make_environment()
    files = resources.files("spacy_llama_ner.report") / TEMPLATES
    return environment.get_template("page.html.jinja").render(
        title=title,
        sources=sources,
        evaluation=sources.evaluation,
        kinds=ERRORS,
        colours=plots.ERROR_COLOURS,
        filters=_filters(sources),
        **_tables(sources),
        plots=_plots(sources),
        errors=_rendered(sources.errors["items"]) if sources.errors else [],
        style=Markup((files / "page.css").read_text(encoding="utf8")),
        script=Markup((files / "page.js").read_text(encoding="utf8")),
    )


def make_environment() -> Environment:
    """Make the environment of the templates, with the filters that write figures.

    RETURNS (Environment): It escapes what goes into HTML, and refuses names that are not defined.
    """
    environment = Environment(
        loader=PackageLoader("spacy_llama_ner.report", TEMPLATES),
        autoescape=lambda name: name is not None and name.endswith(".html.jinja"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"percent": percent, "points": points, "whole": whole, "code": code}
    return environment


def percent(fraction: float | None, digits: int = 1) -> str:
    """Write a fraction in percent, without the sign; a dash for None."""
    return "-" if fraction is None else f"{100 * fraction:.{digits}f}"


def points(fraction: float) -> str:
    """Write a difference of two fractions in percentage points, with its sign."""
    return f"{100 * fraction:+.1f}"


def whole(number: float | None) -> str:
    """Write a number rounded, with commas; a dash for None."""
    return "-" if number is None else f"{number:,.0f}"


def code(text: str) -> Markup:
    """Show what stands between backticks as code, in HTML; all of the text is escaped."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))


def _plots(sources: Sources) -> dict[str, list[Markup]]:
    drawn: dict[str, list[Markup]] = {}
    if sources.curves:
        drawn["learning"] = [plots.plot_losses(sources.curves), plots.plot_dev_f1(sources.curves)]
    if sources.calibration:
        measured = sources.calibration.get("test", sources.calibration["dev"])
        sides = measured["before"], measured["after"]
        drawn["calibration"] = [plots.plot_reliability(*sides), plots.plot_coverage(*sides)]
    if sources.errors:
        factors = {name: rows for name, rows in sources.errors["factors"].items() if rows}
        most = plots.largest_share(factors.values())
        drawn["factors"] = [
            plots.plot_factor(name.replace("_", " "), rows, most=most) for name, rows in factors.items()
        ]
    return drawn


def _tables(sources: Sources) -> dict[str, list[Table]]:
    tables = {"score_tables": evaluation_tables(sources.evaluation)}
    if sources.errors:
        tables["error_tables"] = [error_table(sources.errors)]
    if sources.calibration:
        tables["calibration_tables"] = calibration_tables(sources.calibration)
    if sources.comparison:
        tables["comparison_tables"] = compare_tables(sources.comparison)
    if sources.ablation:
        tables["ablation_tables"] = ablation_tables(sources.ablation)
    return tables


def _filters(sources: Sources) -> dict[str, list[str]]:
    """RETURNS (dict[str, list[str]]): The factors by which the list of errors can be filtered, and their buckets."""
    factors = sources.errors["factors"] if sources.errors else {}
    return {name: [row["bucket"] for row in rows] for name, rows in factors.items() if rows and name != LABEL}


def _rendered(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """RETURNS (list[dict]): The errors, with their sentence's gold and predicted entities as HTML."""
    return [
        item
        | {
            "gold_html": render_sentence(item["text"], item["gold_entities"], focus=_place(item["gold"])),
            "predicted_html": render_sentence(
                item["text"], item["predicted_entities"], focus=_place(item["predicted"])
            ),
        }
        for item in items
    ]


def _place(entity: dict[str, Any] | None) -> tuple[int, int] | None:
    return None if entity is None else (entity["start"], entity["end"])
