"""One cell of `bench growth`, in a process of its own: `python -m spacy_llama_ner.benchmark.growth_cell JOB.json`.

Each cell needs a new process: what one has freed, the next would take without asking the system for more.
"""

import ctypes
import gc
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import spacy

from spacy_llama_ner.benchmark import memory

DOCUMENT, CORPUS = "document", "corpus"
REFERENCE = 2_000  # tokens
EVERY = 5.0  # seconds
MEGABYTE = 10**6
RESET_PEAK = "5"  # proc_pid_clear_refs(5)


@dataclass(frozen=True, slots=True)
class Job:
    """What a cell measures.

    series (str): "document": one doc of so many tokens; "corpus": a stream of articles whose docs are dropped.
    tokens (int): How many, as the pipeline's own tokenizer counts them.
    model (str): The pipeline: a folder or an installed package's name.
    texts (str): JSON file with a list of articles, which are taken in turn.
    seconds (float): It is read again until so much time is measured.
    """

    series: str
    tokens: int
    model: str
    texts: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Cell:
    """What it found.

    series (str), tokens (int): See `Job`.
    words_per_second (float): Over all rounds, by the process's own seconds.
    of_reference (float): The same, divided by the speed with which the same process read a small corpus in between.
    memory (int): Bytes of the highest peak of resident memory, beyond what the loaded and warm pipeline holds.
    rounds (int): How often it was read.
    """

    series: str
    tokens: int
    words_per_second: float
    of_reference: float
    memory: int
    rounds: int


@dataclass
class Meter:
    """Time and memory of a job, in turns with a reference that is read each few seconds and does not count.

    reference (Callable): Reads the reference and returns its words.
    every (float): Seconds of the job between two readings.
    words, seconds: Of the job so far.
    reference_words, reference_seconds: Of the reference so far.
    memory (int): The highest peak so far, in bytes beyond what was held when the meter was made.
    """

    reference: Callable[[], int]
    every: float = EVERY
    words: int = 0
    seconds: float = 0.0
    reference_words: int = 0
    reference_seconds: float = 0.0
    memory: int = 0

    def __post_init__(self) -> None:
        self._held = forget_peak()
        self._turn()

    @property
    def measured(self) -> float:
        """RETURNS (float): Seconds of the job up to now."""
        return self.seconds + time.process_time() - self._start

    def see(self, words: int) -> None:
        """Take notice of words that were read, and take the other turn if it is time."""
        self.words += words
        if time.process_time() - self._start >= self.every:
            self.stop()

    def stop(self) -> None:
        """Count what the job has done, and read the reference."""
        self.seconds += time.process_time() - self._start
        self.memory = max(self.memory, memory.read("VmHWM") - self._held)
        self._turn()

    def _turn(self) -> None:
        start = time.process_time()
        self.reference_words += self.reference()
        self.reference_seconds += time.process_time() - start
        forget_peak()  # that of the reference
        self._start = time.process_time()


def measure_cell(job: Job) -> Cell:
    """Load the pipeline, warm it up, and read a cell's texts until there is enough time.

    RAISES (ValueError): If the texts hold no token, the pipeline cannot be loaded, or the system does not say how much
        memory is used.
    """
    nlp = spacy.load(job.model)
    docs = [nlp.make_doc(text) for text in json.loads(Path(job.texts).read_text(encoding="utf8"))]
    articles = [[token.text_with_ws for token in doc] for doc in docs if len(doc)]
    del docs
    reference = list(take(articles, REFERENCE))
    document = " ".join(take(articles, job.tokens)) if job.series == DOCUMENT else ""
    nlp.max_length = max(nlp.max_length, len(document))

    def read_reference() -> int:
        return sum(len(doc) for doc in nlp.pipe(reference))

    read_reference()  # the pipeline is warm now
    meter = Meter(read_reference)
    rounds = 0
    while not rounds or meter.measured < job.seconds:
        for doc in nlp.pipe([document] if document else take(articles, job.tokens)):
            meter.see(len(doc))
        rounds += 1
    meter.stop()
    speed = meter.words / meter.seconds
    return Cell(
        job.series,
        meter.words // rounds,
        speed,
        speed / (meter.reference_words / meter.reference_seconds),
        max(0, meter.memory),
        rounds,
    )


def take(articles: Sequence[Sequence[str]], tokens: int) -> Iterator[str]:
    """Take articles in turn, again and again, until there are so many tokens; the last one is cut.

    articles (Sequence[Sequence[str]]): The tokens of each, with the space that follows.
    tokens (int): How many in all.
    RETURNS (Iterator[str]): Texts.
    RAISES (ValueError): If there are no articles.
    """
    if not articles:
        raise ValueError("Expected articles to read, got none with a token.")
    number = 0
    while tokens > 0:
        article = articles[number % len(articles)]
        yield "".join(article[:tokens]).rstrip()
        tokens -= len(article)
        number += 1


def forget_peak() -> int:
    """Let the peak of resident memory begin anew.

    RETURNS (int): Bytes that are resident now, when free memory has gone back to the system.
    """
    gc.collect()
    # Without glibc the peaks are too small by what is free now.
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
    # Where this is not allowed the peak may be that of loading: too large, but never too small.
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text(RESET_PEAK)
    return memory.read("VmRSS")


if __name__ == "__main__":
    import torch

    torch.set_num_threads(1)
    print(json.dumps(asdict(measure_cell(Job(**json.loads(Path(sys.argv[1]).read_text(encoding="utf8")))))))
