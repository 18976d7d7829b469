"""What a benchmark reports: figures with their bars, and tables of what they are made of."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from spacy_llama_ner.comparison.machine import describe_machine
from spacy_llama_ner.evaluation.tables import Table


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured figure and the bar for it.

    name (str): What was measured, and against what.
    value (float): The figure.
    bar (float): What it has to reach.
    unit (str): "x" for a ratio of speeds, "" for a share, or a unit such as "ms".
    least (bool): Whether the bar is the least that is enough; else it is the most that is allowed.
    """

    name: str
    value: float
    bar: float
    unit: str = "x"
    least: bool = True

    @property
    def passed(self) -> bool:
        """RETURNS (bool): Whether the bar is reached; a value that is no number does not."""
        return self.value >= self.bar if self.least else self.value <= self.bar


def make_report(
    benchmark: str,
    figures: Sequence[Figure],
    tables: Sequence[Table],
    *,
    settings: Mapping[str, Any],
    gpu_id: int = -1,
) -> dict[str, Any]:
    """Gather what a benchmark found.

    benchmark (str): Its name, that of its command.
    figures (Sequence[Figure]): The figures.
    tables (Sequence[Table]): What they are made of; each is printed after them.
    settings (Mapping[str, Any]): What a reader needs to repeat it: repeats, sizes, seeds.
    gpu_id (int): The GPU it used, or -1 for the CPU.
    RETURNS (dict): `benchmark`, `settings`, `machine`, `figures` (each with `passed`), `tables`, `passed`; plain JSON.
    """
    return {
        "benchmark": benchmark,
        "settings": dict(settings),
        "machine": describe_machine(gpu_id=gpu_id),
        "figures": [{**asdict(figure), "passed": figure.passed} for figure in figures],
        "tables": [asdict(table) for table in tables],
        "passed": all(figure.passed for figure in figures),
    }
