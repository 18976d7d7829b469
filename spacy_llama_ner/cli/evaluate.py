"""`evaluate`: score one or several pipelines on an annotated corpus."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from typer import Argument, Option

from spacy_llama_ner.cli import app
from spacy_llama_ner.cli.console import msg, show_tables, user_errors

if TYPE_CHECKING:
    from spacy_llama_ner.evaluation.tables import Table


@app.command("evaluate")
def evaluate_cli(
    models: Annotated[
        list[str],
        Argument(metavar="MODEL", help="Pipeline: a folder or an installed package's name; or several"),
    ],
    corpus: Annotated[Path, Argument(help="Annotated corpus, a .spacy file")],
    output: Annotated[Path | None, Option("--output", "-o", help="JSON file for the scores")] = None,
    markdown: Annotated[Path | None, Option(help="Markdown file for the tables")] = None,
    train: Annotated[
        Path | None, Option(help="Training corpus, a .spacy file: scores seen and unseen names apart")
    ] = None,
    name: Annotated[
        str | None, Option(help='Name of the corpus; "CoNLL-2003 test" is refused if its counts are others')
    ] = None,
    robustness: Annotated[
        bool, Option(help="Score the corpus in upper case, in lower case and with typos, too")
    ] = True,
    gpu_id: Annotated[int, Option("--gpu-id", "-g", help="GPU, or -1 for the CPU")] = -1,
    batch_size: Annotated[
        int | None,
        Option("--batch-size", min=1, help="Docs handed to a component at once; else the pipeline's own"),
    ] = None,
) -> None:
    """Score entities on gold tokens (seqeval, conlleval, spaCy), on raw text and on changed words; compare models."""
    with user_errors("Evaluation failed"):
        import spacy
        from spacy.vocab import Vocab

        from spacy_llama_ner.evaluation.examples import read_gold
        from spacy_llama_ner.evaluation.official import check_official
        from spacy_llama_ner.evaluation.pipeline import evaluate_pipeline
        from spacy_llama_ner.evaluation.seen import collect_names
        from spacy_llama_ner.evaluation.tables import to_markdown

        # Before any pipeline is loaded: a wrong corpus or name costs no waiting.
        official = check_official(read_gold(corpus, Vocab()), name=name, path=str(corpus))
        names = None if train is None else collect_names(read_gold(train, Vocab()))
        if gpu_id >= 0:
            spacy.require_gpu(gpu_id)
        results, counts = [], []
        for model in models:
            nlp = spacy.load(model)
            result, counted = evaluate_pipeline(
                nlp,
                read_gold(corpus, nlp.vocab),
                batch_size=batch_size or nlp.batch_size,
                robustness=robustness,
                train=names,
            )
            results.append(
                {"model": model, "corpus": str(corpus), "name": name, "official": official, **result}
            )
            counts.append(counted)
        report, tables = _report(results, counts)
        title = f"Evaluation on {name or official['split'] or corpus}"
        notes = [official["statement"]] if official["statement"] else []
        _write(output, json.dumps(report, indent=2) + "\n")
        _write(markdown, to_markdown(title, tables, notes=notes))
    _show(title, tables)
    if official["statement"]:
        (msg.good if official["split"] else msg.warn)(official["statement"])
    for result in results:
        if "warning" in result:
            msg.warn(result["warning"] if len(results) == 1 else f"{result['model']}: {result['warning']}")
    for path in (output, markdown):
        if path is not None:
            msg.good(f"Saved scores to {path}")


def _report(results: list[dict[str, Any]], counts: list) -> tuple[dict[str, Any], list["Table"]]:
    """RETURNS (tuple[dict, list[Table]]): What the JSON file holds, and the tables of it."""
    from itertools import combinations

    from spacy_llama_ner.evaluation.significance import compare_f1
    from spacy_llama_ner.evaluation.tables import comparison_tables, evaluation_tables

    if len(results) == 1:
        return results[0], evaluation_tables(results[0])
    significance = [
        {"first": i + 1, "second": j + 1, **compare_f1(counts[i], counts[j])}
        for i, j in combinations(range(len(results)), 2)
    ]
    report = {"corpus": results[0]["corpus"], "models": results, "significance": significance}
    return report, comparison_tables(results, significance)


def _write(path: Path | None, text: str) -> None:
    from spacy_llama_ner.replacement import write_whole

    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, text.encode())


def _show(title: str, tables: list["Table"]) -> None:
    msg.info(title)
    show_tables(tables)
