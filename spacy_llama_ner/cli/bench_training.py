"""`bench training`: `llama_crf_ner` beside transformers' `Trainer` with peft."""

import os
import tempfile
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from typer import Option

from spacy_llama_ner.cli.bench import OUTPUT, bench, finish
from spacy_llama_ner.cli.console import user_errors


class Dtype(StrEnum):
    """What is computed in."""

    float32 = "float32"
    bfloat16 = "bfloat16"


@bench.command("training")
def bench_training_cli(
    backbone: Annotated[str, Option(help="A Hugging Face folder")] = "assets/llama-mini",
    conll: Annotated[str, Option(help="CoNLL file, or folder with train.*")] = "assets/mini-news",
    sentences: Annotated[int, Option(min=1, help="Train on so many, chosen at random")] = 320,
    batch_size: Annotated[int, Option(min=1, help="Sentences of an optimizer step")] = 16,
    rank: Annotated[int, Option(min=1, help="Of the adapters")] = 16,
    target: Annotated[
        list[str] | None, Option(help="A linear layer with an adapter; by default all of them")
    ] = None,
    dtype: Annotated[Dtype, Option(help="What both sides compute in")] = Dtype.float32,
    top_layers: Annotated[
        int, Option(min=1, help="Then adapters in so many layers alone, from the last, others' states kept")
    ] = 2,
    rounds: Annotated[int, Option(min=1, help="Epochs that count, of each side")] = 5,
    output: Annotated[Path, Option("--output", "-o", help="JSON file for the results")] = OUTPUT
    / "training.json",
) -> None:
    """Train with LoRA beside transformers' Trainer with peft, on one thread. Needs the extra project; minutes."""
    with user_errors("Benchmark failed"), tempfile.TemporaryDirectory() as work:
        import random

        import torch

        os.environ["TOKENIZERS_PARALLELISM"] = "false"  # one thread on both sides
        torch.set_num_threads(1)
        try:
            import accelerate  # noqa: F401
        except ModuleNotFoundError as e:
            raise ValueError("bench training needs accelerate: pip install 'spacy-llama-ner[project]'") from e
        from spacy_llama_ner.benchmark.training import measure_training
        from spacy_llama_ner.benchmark.training_sides import Recipe
        from spacy_llama_ner.corpus.source import read_source

        found = list(read_source(conll, split="train").sentences)
        chosen = random.Random(0).sample(found, min(sentences, len(found)))
        tags = {tag for sentence in found for tag in sentence.tags}
        labels = sorted({tag.partition("-")[2] for tag in tags - {"O"}})
        recipe = Recipe(backbone, labels, batch_size, rank, target or "all-linear", dtype.value)
        report = measure_training(recipe, chosen, rounds=rounds, top_layers=top_layers, work=Path(work))
    finish(report, output)
