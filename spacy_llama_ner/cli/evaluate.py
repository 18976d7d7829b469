"""`evaluate`: score a pipeline on an annotated corpus."""

import json
from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from spacy_llama_ner.cli import app
from spacy_llama_ner.cli.console import msg, user_errors


@app.command("evaluate")
def evaluate_cli(
    model: Annotated[str, Argument(help="Pipeline: a folder or an installed package's name")],
    corpus: Annotated[Path, Argument(help="Annotated corpus, a .spacy file")],
    output: Annotated[Path | None, Option("--output", "-o", help="JSON file for the scores")] = None,
    gpu_id: Annotated[int, Option("--gpu-id", "-g", help="GPU, or -1 for the CPU")] = -1,
    batch_size: Annotated[
        int | None,
        Option("--batch-size", min=1, help="Docs handed to a component at once; else the pipeline's own"),
    ] = None,
) -> None:
    """Score a pipeline's entities on gold tokens (seqeval, strict IOB2, and spaCy) and on raw text."""
    with user_errors("Evaluation failed"):
        import spacy

        from spacy_llama_ner.evaluation.examples import predict, read_gold
        from spacy_llama_ner.evaluation.metrics import evaluate
        from spacy_llama_ner.evaluation.raw_text import score_raw_text
        from spacy_llama_ner.replacement import write_whole

        if gpu_id >= 0:
            spacy.require_gpu(gpu_id)
        nlp = spacy.load(model)
        batch_size = batch_size or nlp.batch_size
        gold = read_gold(corpus, nlp.vocab)
        examples, seconds = predict(nlp, gold, batch_size=batch_size)
        result = {"model": model, "corpus": str(corpus), **evaluate(examples)}
        result["raw_text"] = score_raw_text(nlp, gold, batch_size=batch_size)
        result["words_per_second"] = result["counts"]["tokens"] / seconds
        if output is not None:
            output.parent.mkdir(parents=True, exist_ok=True)
            write_whole(output, (json.dumps(result, indent=2) + "\n").encode())
    _show(result)
    if output is not None:
        msg.good(f"Saved scores to {output}")


def _show(result: dict) -> None:
    from spacy_llama_ner.evaluation.table import ALIGNMENT, HEADER, score_rows, summary_rows

    msg.divider("Entities, strict IOB2, in percent")
    msg.table(score_rows(result), header=HEADER, aligns=ALIGNMENT, divider=True)
    msg.table(summary_rows(result), aligns=("l", "r"))
    if "warning" in result:
        msg.warn(result["warning"])
