"""`compare`: train and score alternatives on one split, and print one table."""

import json
from pathlib import Path
from typing import Annotated

from typer import Option

from spacy_llama_ner.cli import app
from spacy_llama_ner.cli.console import msg, show_tables, user_errors


@app.command("compare")
def compare_cli(
    train: Annotated[Path, Option(help="Training corpus, a .spacy file")],
    dev: Annotated[Path, Option(help="Corpus on which trainings choose their best pipeline")],
    test: Annotated[Path, Option(help="Corpus that all are scored on")],
    output: Annotated[Path, Option("--output", "-o", help="JSON file for the results")],
    markdown: Annotated[Path | None, Option(help="Markdown file for the tables")] = None,
    work: Annotated[
        Path, Option(help="Folder for trainings and predictions; what is there is not trained again")
    ] = Path("training/compare"),
    system: Annotated[
        list[str] | None,
        Option(
            help="lookup, spacy_cnn, bert_ner, bert_crf or llama_crf_ner; may be given several times  "
            "[default: lookup and spacy_cnn]"
        ),
    ] = None,
    model: Annotated[
        list[str] | None, Option(help="NAME=PIPELINE, a folder or package; may be given several times")
    ] = None,
    predictions: Annotated[
        list[str] | None,
        Option(help="NAME=FILE.spacy, predictions on the test corpus; may be given several times"),
    ] = None,
    bert: Annotated[
        str, Option(help="Encoder of bert_ner and bert_crf, a folder or hub name")
    ] = "bert-base-uncased",
    learning_rate: Annotated[float, Option(help="Of bert_ner and bert_crf")] = 5e-5,
    config: Annotated[Path | None, Option(help="Config of llama_crf_ner, such as configs/mini.cfg")] = None,
    seed: Annotated[int, Option(help="Of all trainings")] = 0,
    gpu_id: Annotated[int, Option("--gpu-id", "-g", help="GPU, or -1 for the CPU")] = -1,
) -> None:
    """Compare systems on one split: F1, words per second, size, training time; all measured, or named as quoted."""
    with user_errors("Comparison failed"):
        import spacy

        from spacy_llama_ner.comparison import compare
        from spacy_llama_ner.comparison.given import parse_named
        from spacy_llama_ner.comparison.systems import (
            QUICK,
            Split,
            TrainingSettings,
            check_systems,
            describe_system,
            train_system,
        )
        from spacy_llama_ner.comparison.tables import compare_tables
        from spacy_llama_ner.evaluation.examples import read_gold
        from spacy_llama_ner.evaluation.tables import to_markdown
        from spacy_llama_ner.replacement import write_whole

        split = Split(train, dev, test)
        settings = TrainingSettings(bert, learning_rate, config, seed, gpu_id)
        systems = list(dict.fromkeys(system or QUICK))
        pipelines = parse_named(model or (), "--model")
        files = parse_named(predictions or (), "--predictions")
        check_systems(systems, settings)
        _check_names([*systems, *pipelines, *files])
        if gpu_id >= 0:
            spacy.require_gpu(gpu_id)
        vocab = spacy.blank("en").vocab
        docs, _, _ = (read_gold(path, vocab) for path in (train, dev, test))
        candidates = {name: compare.given_pipeline(place) for name, place in pipelines.items()}
        candidates |= {name: compare.given_predictions(place, test) for name, place in files.items()}
        trained = {}
        for name in systems:
            msg.info(f"{name}: training in {work / name}")
            training = train_system(name, work / name, split=split, docs=docs, settings=settings)
            trained[name] = compare.trained_here(describe_system(name, settings), work / name, training)
        msg.info("Scoring and timing")
        measured = compare.measure(trained | candidates, split, work / "predictions", gpu_id=gpu_id)
        result = {"seed": seed, **measured}
        tables = compare_tables(result)
        output.parent.mkdir(parents=True, exist_ok=True)
        write_whole(output, (json.dumps(result, indent=2) + "\n").encode())
        if markdown is not None:
            markdown.parent.mkdir(parents=True, exist_ok=True)
            write_whole(markdown, to_markdown("Comparison", tables).encode())
    show_tables(tables)
    msg.good(f"Saved results to {output}, predictions to {work / 'predictions'}")


def _check_names(names: list[str]) -> None:
    if twice := {name for name in names if names.count(name) > 1}:
        raise ValueError(
            f"The name {', '.join(sorted(twice))} stands for two systems; give one another name."
        )
