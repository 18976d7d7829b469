"""`bench annotate`: this process beside Ray with one and two workers."""

import os
import tempfile
from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from spacy_llama_ner.cli.bench import OUTPUT, bench, finish
from spacy_llama_ner.cli.console import user_errors


@bench.command("annotate")
def bench_annotate_cli(
    model: Annotated[str, Argument(help="Pipeline: a folder or an installed package's name")] = (
        "training/mini/model-best"
    ),
    corpus: Annotated[Path, Option(help="Its texts are annotated, a .spacy file")] = Path(
        "corpus/mini/train.spacy"
    ),
    words: Annotated[int, Option(min=1, help="Words of a run; the texts are repeated")] = 80_000,
    rounds: Annotated[int, Option(min=1, help="Runs of each")] = 3,
    batch_size: Annotated[int, Option(min=1, help="Records annotated at once")] = 16,
    output: Annotated[Path, Option("--output", "-o", help="JSON file for the results")] = OUTPUT
    / "annotate.json",
) -> None:
    """Annotate a file in this process and on Ray with 1 and 2 workers. Needs the extra ray; minutes."""
    with user_errors("Benchmark failed"), tempfile.TemporaryDirectory() as work:
        import spacy
        import torch

        from spacy_llama_ner.benchmark.annotation import measure_annotation
        from spacy_llama_ner.evaluation.examples import read_gold

        torch.set_num_threads(1)
        os.environ["TOKENIZERS_PARALLELISM"] = "false"  # Ray forks: its library would warn
        try:
            import ray.data  # noqa: F401
        except ModuleNotFoundError as e:
            raise ValueError("bench annotate needs Ray: pip install 'spacy-llama-ner[ray]'") from e
        texts = [doc.text for doc in read_gold(corpus, spacy.blank("en").vocab)]
        report = measure_annotation(
            model, texts, words=words, rounds=rounds, batch_size=batch_size, work=Path(work)
        )
    finish(report, output)
