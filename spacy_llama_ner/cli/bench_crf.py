"""`bench crf`: the CRF beside pytorch-crf."""

from pathlib import Path
from typing import Annotated

from typer import Option

from spacy_llama_ner.cli.bench import OUTPUT, bench, finish
from spacy_llama_ner.cli.console import user_errors


@bench.command("crf")
def bench_crf_cli(
    tags: Annotated[int, Option(min=1, help="Tags, BIO's 9 of CoNLL-2003 by default")] = 9,
    rounds: Annotated[float, Option(min=0.0, help="Times the usual number of rounds")] = 1.0,
    output: Annotated[Path, Option("--output", "-o", help="JSON file for the results")] = OUTPUT / "crf.json",
) -> None:
    """Decode and train beside pytorch-crf: 64 rows of 32 tokens, and one of 20,000. One thread; minutes."""
    with user_errors("Benchmark failed"):
        import torch

        from spacy_llama_ner.benchmark.crf import measure_crf

        torch.set_num_threads(1)
        report = measure_crf(n_tags=tags, rounds=rounds)
    finish(report, output)
