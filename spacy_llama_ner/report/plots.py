"""Plots as SVG texts, to stand in a page. The same numbers give the same bytes."""

import io
import re
from collections.abc import Iterable, Sequence
from typing import Any

from markupsafe import Markup, escape
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from spacy_llama_ner.analysis.types import BOUNDARY, BOUNDARY_AND_LABEL, LABEL, MISSED
from spacy_llama_ner.report.curves import LearningCurves, smoothed

BLUE, ORANGE, GREY, GREEN, RED = "#2f5d8a", "#c8722c", "#8a8f98", "#3f8f5f", "#b3423a"
# The classes of errors that a gold entity stands behind.
ERROR_COLOURS = {BOUNDARY: BLUE, LABEL: ORANGE, BOUNDARY_AND_LABEL: RED, MISSED: GREY}
SMOOTHING = 25  # steps
# hashsalt: matplotlib's ids would be random. fonttype none: text stays text.
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "spacy_llama_ner",
    "font.family": "sans-serif",
    "font.sans-serif": ["system-ui", "Segoe UI", "Helvetica", "Arial", "DejaVu Sans"],
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": GREY,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#dfe3e8",
    "grid.linewidth": 0.6,
    "legend.frameon": False,
}


def plot_losses(curves: LearningCurves) -> Markup:
    """Draw the terms of the loss over the steps of a training.

    curves (LearningCurves): The training.
    RETURNS (Markup): An SVG element.
    """
    with rc_context(STYLE):
        figure, axes = _figure()
        for term, name, colour in (
            ("cross_entropy", "cross-entropy", BLUE),
            ("crf", "CRF", ORANGE),
            ("label_smoothing", "label smoothing", GREEN),
        ):
            axes.plot(curves.steps, smoothed(curves.terms[term], SMOOTHING), color=colour, label=name, lw=1.3)
        axes.set_yscale("log")
        axes.legend()
        label_axes(axes, f"Loss terms, mean of {SMOOTHING} steps", "step", "nats per word")
        return to_svg(figure, "The terms of the loss over the steps of the training")


def plot_dev_f1(curves: LearningCurves) -> Markup:
    """Draw F1 on the dev set over the steps of a training.

    curves (LearningCurves): The training.
    RETURNS (Markup): An SVG element.
    """
    with rc_context(STYLE):
        figure, axes = _figure()
        plot_line(axes, curves.evaluated, [100 * f1 for f1 in curves.f1], BLUE)
        axes.set_ylim(0, 100)
        label_axes(axes, "Dev F1", "step", "percent")
        return to_svg(figure, "F1 on the dev set over the steps of the training")


def plot_reliability(before: dict[str, Any], after: dict[str, Any]) -> Markup:
    """Draw how often entities of each score are right.

    before (dict): What `measure_calibration` returned, with the temperature 1.
    after (dict): The same with the temperature that was fitted; not drawn if it is the same, as where none was.
    RETURNS (Markup): An SVG element.
    """
    with rc_context(STYLE):
        figure, axes = _figure()
        axes.plot([0, 100], [0, 100], color=GREY, lw=0.8, ls="--")
        for name, measured, colour in _calibrations(before, after):
            bins = [row for row in measured["bins_equal_mass"] if row["count"]]
            scores, precisions = ([100 * row[key] for row in bins] for key in ("score", "precision"))
            plot_line(axes, scores, precisions, colour, name)
        axes.set_xlim(0, 101)
        axes.set_ylim(0, 101)
        axes.legend(loc="upper left")
        label_axes(axes, "Reliability, bins of equal count", "mean score, percent", "right entities, percent")
        return to_svg(figure, "Share of right entities over their mean score, before and after calibration")


def plot_coverage(before: dict[str, Any], after: dict[str, Any]) -> Markup:
    """Draw precision over the share of entities that is kept, the surest first.

    before, after (dict): See `plot_reliability`.
    RETURNS (Markup): An SVG element.
    """
    with rc_context(STYLE):
        figure, axes = _figure()
        for name, measured, colour in _calibrations(before, after):
            curve = measured["precision_coverage"]
            kept, precisions = ([100 * point[key] for point in curve] for key in ("coverage", "precision"))
            axes.plot(kept, precisions, color=colour, lw=1.3, label=name)
        axes.set_xlim(0, 101)
        axes.legend(loc="lower left")
        label_axes(axes, "Precision of the surest", "entities kept, percent", "precision, percent")
        return to_svg(figure, "Precision over the share of predicted entities that is kept, the surest first")


def plot_factor(title: str, buckets: Sequence[dict[str, Any]], *, most: float) -> Markup:
    """Draw the errors on gold entities of each bucket, in percent of its gold entities, stacked by class.

    title (str): The factor.
    buckets (Sequence[dict]): Each with `bucket`, `gold` and `errors` by class; those without gold are left out.
    most (float): Where the axis ends, in percent: the same for all factors, so that they can be compared.
    RETURNS (Markup): An SVG element.
    """
    rows = [row for row in buckets if row["gold"]]
    names = [f"{row['bucket']}  ({row['gold']:,})" for row in rows]
    # parse_math: labels of a corpus may hold dollars. Not for every plot: ticks of a log scale are formulas.
    with rc_context({**STYLE, "axes.grid.axis": "x", "text.parse_math": False}):
        figure = Figure(figsize=(4.6, 0.75 + 0.27 * len(rows)), layout="constrained")
        axes = figure.subplots()
        left = [0.0] * len(rows)
        for kind, colour in ERROR_COLOURS.items():
            widths = [100 * row["errors"][kind] / row["gold"] for row in rows]
            axes.barh(names, widths, left=left, color=colour, label=kind, height=0.7)
            left = [start + width for start, width in zip(left, widths, strict=True)]
        axes.set_xlim(0, most)
        axes.invert_yaxis()
        axes.tick_params(axis="y", length=0)
        axes.grid(False, axis="y")
        label_axes(axes, title, "errors, percent of gold entities", "")
        return to_svg(figure, f"Errors by {title}, in percent of the gold entities of each group")


def largest_share(factors: Iterable[Sequence[dict[str, Any]]]) -> float:
    """Find the largest share of errors of any bucket.

    factors (Iterable[Sequence[dict]]): Buckets as for `plot_factor`.
    RETURNS (float): In percent of its gold entities; 1 at least.
    """
    rows = [row for buckets in factors for row in buckets if row["gold"]]
    shares = [100 * sum(row["errors"][kind] for kind in ERROR_COLOURS) / row["gold"] for row in rows]
    return max([1.0, *shares])


def _figure() -> tuple[Figure, Axes]:
    figure = Figure(figsize=(4.6, 3.1), layout="constrained")
    return figure, figure.subplots()


def plot_line(axes: Axes, x: Sequence[float], y: Sequence[float], colour: str, name: str = "") -> None:
    axes.plot(x, y, color=colour, marker="o", ms=3.5, lw=1.3, label=name)


def _calibrations(before: dict[str, Any], after: dict[str, Any]) -> list[tuple[str, dict[str, Any], str]]:
    fitted = [("calibrated", after, BLUE)] if after != before else []
    return [("temperature 1", before, ORANGE), *fitted]


def label_axes(axes: Axes, title: str, x: str, y: str) -> None:
    axes.set_title(title, loc="left", fontsize=10, fontweight="bold")
    axes.set_xlabel(x)
    axes.set_ylabel(y)


def to_svg(figure: Figure, description: str) -> Markup:
    FigureCanvasSVG(figure)
    file = io.StringIO()
    figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None}, transparent=True)
    # Without the XML head, which has no place in HTML, and without sizes in points: the page sets the width.
    svg = re.sub(
        r'width="[\d.]+pt" height="[\d.]+pt"', "", file.getvalue()[file.getvalue().index("<svg") :], count=1
    )
    return Markup(svg.replace("<svg", f'<svg role="img" aria-label="{escape(description)}"', 1))
