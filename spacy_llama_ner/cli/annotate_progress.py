"""Show how far an annotation is: a bar on a terminal, lines in a log."""

import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spacy_llama_ner.annotation.job import Job
    from spacy_llama_ner.annotation.journal import Counts

_SECONDS = 30  # between two lines in a log


class Progress:
    """Shows, on standard error, the share of the input that is done, the speed, and an estimate of the rest."""

    def __init__(self, *, quiet: bool) -> None:
        """quiet (bool): Show nothing."""
        self._quiet = quiet
        self._total: int | None = None
        self._bar: Any = None
        self._began: Counts | None = None
        self._start = self._shown = 0.0

    def begin(self, job: "Job") -> "Callable[[Counts], None]":
        """RETURNS (Callable): To be called with what is done when the work begins."""

        def begin(counts: "Counts") -> None:
            if self._quiet:
                return
            self._total = job.source.total()
            self._began = counts
            if sys.stderr.isatty():
                from tqdm import tqdm

                unit = "row" if job.source.format == "parquet" else "B"
                self._bar = tqdm(
                    total=self._total, initial=counts.position, unit=unit, unit_scale=True, file=sys.stderr
                )
            elif counts.records:
                print(f"Going on after {counts.records:,} records", file=sys.stderr)

        return begin

    def show(self, counts: "Counts") -> None:
        """Show a new state.

        counts (Counts): What is done.
        """
        if self._quiet or self._began is None:
            return
        now = time.perf_counter()
        if not self._start:  # The first batch has waited for the pipeline to load.
            self._start = self._shown = now
            self._began = type(counts)(**vars(counts))
        seconds = now - self._start
        docs, words = counts.records - self._began.records, counts.words - self._began.words
        speed = f"{docs / seconds:,.1f} docs/s, {words / seconds:,.0f} words/s" if seconds else ""
        if self._bar is not None:
            self._bar.set_postfix_str(speed, refresh=False)
            self._bar.update(counts.position - self._bar.n)
        elif now - self._shown >= _SECONDS:
            self._shown = now
            print(self._line(counts, seconds, speed), file=sys.stderr, flush=True)

    def close(self) -> None:
        """End the bar."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def _line(self, counts: "Counts", seconds: float, speed: str) -> str:
        line = f"{counts.records:,} records, {counts.problems:,} skipped, {speed}"
        if not self._total or self._began is None or counts.position <= self._began.position:
            return line
        rest = seconds * (self._total - counts.position) / (counts.position - self._began.position)
        return f"{100 * counts.position / self._total:.1f}% {line}, about {_duration(rest)} left"


def _duration(seconds: float) -> str:
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min" if minutes else f"{seconds:.0f} s"
