"""`analyze`: what a pipeline gets wrong on an annotated corpus, where, and what to try."""

import json
from pathlib import Path
from typing import Annotated

from typer import Argument, Option
from wasabi import wrap

from spacy_llama_ner.cli import app
from spacy_llama_ner.cli.console import msg, show_tables, user_errors

SHOWN_CONFUSIONS = 8
SHOWN_EXAMPLES = 3


@app.command("analyze")
def analyze_cli(
    model: Annotated[str, Argument(help="Pipeline: a folder or an installed package's name")],
    corpus: Annotated[Path, Argument(help="Annotated corpus, a .spacy file")],
    train: Annotated[
        Path | None, Option("--train", help="The corpus trained on, to tell seen names from unseen ones")
    ] = None,
    output: Annotated[
        Path | None, Option("--output", "-o", help="JSON file with every error; it quotes the corpus")
    ] = None,
    markdown: Annotated[
        Path | None, Option("--markdown", help="Markdown file with tables and examples; it quotes the corpus")
    ] = None,
    gpu_id: Annotated[int, Option("--gpu-id", "-g", help="GPU, or -1 for the CPU")] = -1,
    batch_size: Annotated[
        int | None,
        Option("--batch-size", min=1, help="Docs handed to a component at once; else the pipeline's own"),
    ] = None,
) -> None:
    """Class a pipeline's errors, count where they fall, and derive what to try. Output files quote the corpus."""
    with user_errors("Analysis failed"):
        import spacy

        from spacy_llama_ner.analysis.analyze import analyze
        from spacy_llama_ner.analysis.markdown import write_markdown
        from spacy_llama_ner.evaluation.examples import predict, read_gold
        from spacy_llama_ner.evaluation.seen import collect_names

        if gpu_id >= 0:
            spacy.require_gpu(gpu_id)
        nlp = spacy.load(model)
        gold = read_gold(corpus, nlp.vocab)
        # Before prediction: a wrong path shows at once.
        names = None if train is None else collect_names(read_gold(train, nlp.vocab))
        examples, _ = predict(nlp, gold, batch_size=batch_size or nlp.batch_size)
        sources = {"model": model, "corpus": str(corpus), "train": None if train is None else str(train)}
        result = {**sources, **analyze(examples, names=names)}
        if output is not None:
            _save(output, json.dumps(result, indent=1, ensure_ascii=False) + "\n")
        if markdown is not None:
            _save(markdown, write_markdown(result))
    _show_tables(result)
    _show_confusions(result)
    _show_advice(result)
    for path in (output, markdown):
        if path is not None:
            msg.good(f"Saved {path}; it quotes the corpus")


def _save(path: Path, text: str) -> None:
    from spacy_llama_ner.replacement import write_whole

    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, text.encode())


def _show_tables(result: dict) -> None:
    from spacy_llama_ner.analysis.table import tables

    counts = result["counts"]
    print(", ".join(f"{counts[name]:,} {name}" for name in counts))
    show_tables(tables(result))


def _show_confusions(result: dict) -> None:
    from spacy_llama_ner.analysis.table import confusion_title, example_line

    if not result["confusions"]:
        return
    msg.divider("Most frequent confusions: gold | predicted (score)")
    for confusion in result["confusions"][:SHOWN_CONFUSIONS]:
        print(confusion_title(confusion))
        for example in confusion["examples"][:SHOWN_EXAMPLES]:
            print(f"    {example_line(example)}")


def _show_advice(result: dict) -> None:
    msg.divider("Advice")
    if not result["advice"]:
        msg.info("Nothing stands out")
    for advice in result["advice"]:
        msg.info(advice["rule"])
        for part in (advice["finding"], f"Likely: {advice['reason']}", f"Try: {advice['try']}"):
            print(wrap(part, wrap_max=98, indent=2))
