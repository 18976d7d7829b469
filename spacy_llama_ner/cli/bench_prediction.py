"""`bench prediction`: `nlp.pipe` beside spaCy's transformer pipeline and the bare backbone."""

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from spacy_llama_ner.cli.bench import OUTPUT, bench, finish
from spacy_llama_ner.cli.console import user_errors

WORK = Path("training/bench")


@bench.command("prediction")
def bench_prediction_cli(
    work: Annotated[
        Path, Argument(help="What benchmarks/conll2003/compare.py has left: both pipelines, dev")
    ] = WORK,
    words: Annotated[
        int, Option(min=1, help="About so many words of each corpus are read in a round")
    ] = 10_000,
    rounds: Annotated[int, Option(min=1, help="Rounds that count")] = 5,
    f1: Annotated[bool, Option("--f1/--no-f1", help="Measure what bfloat16 changes in F1, too")] = True,
    output: Annotated[Path, Option("--output", "-o", help="JSON file for the results")] = OUTPUT
    / "prediction.json",
) -> None:
    """Read sentences and articles with both pipelines and with the bare backbone, in float32 and bfloat16."""
    with user_errors("Benchmark failed"):
        import torch

        from spacy_llama_ner.benchmark.prediction import measure_prediction

        torch.set_num_threads(1)
        ours, peer = (work / side / "model-last" for side in ("llama_crf_ner", "spacy_transformer"))
        if not (ours.is_dir() and peer.is_dir()):
            raise ValueError(f"{work} lacks the pipelines: make bench-conll2003 CONLL=folder trains both")
        corpora = {"sentences": work / "dev.spacy", "articles": work / "articles.spacy"}
        report = measure_prediction(str(ours), str(peer), corpora, words=words, rounds=rounds, f1=f1)
    finish(report, output)
