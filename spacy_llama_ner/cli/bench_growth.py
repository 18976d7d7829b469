"""`bench growth`: speed and memory over the size of a document and of a corpus."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from spacy_llama_ner.cli.bench import OUTPUT, bench, finish
from spacy_llama_ner.cli.console import msg, user_errors

if TYPE_CHECKING:
    from spacy_llama_ner.benchmark.growth_cell import Cell


@bench.command("growth")
def bench_growth_cli(
    model: Annotated[str, Argument(help="Pipeline: a folder or an installed package's name")] = (
        "training/mini/model-best"
    ),
    conll: Annotated[
        str, Option(help="Its articles are read in turn: a CoNLL file, or folder with train.*")
    ] = "assets/mini-news",
    documents: Annotated[
        list[int] | None,
        Option(
            min=1,
            help="Tokens of a single document; may be given several times  [default: 100 1000 10000 100000]",
        ),
    ] = None,
    corpora: Annotated[
        list[int] | None,
        Option(
            min=1,
            help="Tokens of a corpus; may be given several times  [default: 1000 10000 100000 1000000]",
        ),
    ] = None,
    seconds: Annotated[
        float, Option(min=0, help="What is small is read again until so much time is measured")
    ] = 10,
    output: Annotated[Path, Option("--output", "-o", help="JSON file for the results")] = OUTPUT
    / "growth.json",
) -> None:
    """Read documents and corpora of growing size, each in a process of its own, on one thread. Linux; minutes."""
    with user_errors("Benchmark failed"), tempfile.TemporaryDirectory() as work:
        import spacy
        import torch

        from spacy_llama_ner.benchmark.growth import CORPORA, DOCUMENTS, measure_growth
        from spacy_llama_ner.corpus.docbin import corpus_to_docs
        from spacy_llama_ner.corpus.source import read_source

        torch.set_num_threads(1)
        vocab = spacy.blank("en").vocab
        articles = corpus_to_docs(read_source(conll, split="train"), vocab, unit="article")
        report = measure_growth(
            model,
            [doc.text for doc in articles],
            documents=documents or DOCUMENTS,
            corpora=corpora or CORPORA,
            seconds=seconds,
            work=Path(work),
            progress=_show,
        )
    finish(report, output)


def _show(cell: "Cell") -> None:
    msg.text(
        f"{cell.series} of {cell.tokens:,} tokens: {cell.words_per_second:,.0f} words/s, {cell.memory / 1e6:,.1f} MB"
    )
