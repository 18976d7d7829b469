"""The plot of `bench growth`, as an SVG file beside the page that shows it."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator

from spacy_llama_ner.benchmark.growth_cell import CORPUS, DOCUMENT, MEGABYTE
from spacy_llama_ner.report.plots import BLUE, ORANGE, STYLE, label_axes, plot_line, to_svg

SERIES = {DOCUMENT: ("one document", BLUE), CORPUS: ("a corpus, streamed", ORANGE)}
# A file has a size and a ground of its own, other than an element of the report's page: pages may be dark.
FILE = '<svg width="828" height="279" style="background: #fff" '


def plot_growth(cells: Sequence[Mapping[str, Any]]) -> str:
    """Draw words per second and peak memory over the number of tokens, on logarithmic axes.

    cells (Sequence[Mapping]): Of a report of `bench growth`.
    RETURNS (str): An SVG file.
    """
    with rc_context(STYLE):
        figure = Figure(figsize=(9.2, 3.1), layout="constrained")
        speed, memory = figure.subplots(1, 2)
        for series, (name, colour) in SERIES.items():
            found = [cell for cell in cells if cell["series"] == series]
            tokens = [cell["tokens"] for cell in found]
            plot_line(speed, tokens, [cell["words_per_second"] for cell in found], colour, name)
            plot_line(memory, tokens, [cell["memory"] / MEGABYTE for cell in found], colour, name)
        for axes in (speed, memory):
            _scale(axes)
            axes.legend()
        speeds = [cell["words_per_second"] for cell in cells]
        speed.set_ylim(10 ** math.floor(math.log10(min(speeds))), 10 ** math.ceil(math.log10(max(speeds))))
        label_axes(speed, "Speed", "tokens", "words/s")
        label_axes(memory, "Peak memory beyond the pipeline's own", "tokens", "MB")
        return str(to_svg(figure, describe_growth(cells))).replace("<svg ", FILE, 1)


def describe_growth(cells: Sequence[Mapping[str, Any]]) -> str:
    """RETURNS (str): What the plot shows, in words."""
    parts = [
        f"{cell['series']} of {cell['tokens']:,} tokens {cell['words_per_second']:,.0f} words/s, "
        f"{cell['memory'] / MEGABYTE:,.1f} MB"
        for cell in cells
    ]
    return f"Speed and peak memory over size: {'; '.join(parts)}"


def _scale(axes: Axes) -> None:
    axes.set_xscale("log")
    axes.set_yscale("log")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
        axis.set_minor_locator(NullLocator())
