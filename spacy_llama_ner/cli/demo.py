"""`demo`: show a pipeline's entities and their scores in sample text."""

from pathlib import Path
from typing import Annotated

from typer import Argument, Option
from wasabi import wrap

from spacy_llama_ner.cli import app
from spacy_llama_ner.cli.console import msg, user_errors
from spacy_llama_ner.cli.paragraphs import read_paragraphs

SAMPLES = Path("assets/samples.txt")


@app.command("demo")
def demo_cli(
    model: Annotated[str, Argument(help="Pipeline: a folder or an installed package's name")],
    file: Annotated[
        Path | None, Argument(help=f"Paragraphs parted by blank lines  [default: {SAMPLES}]")
    ] = None,
    text: Annotated[str | None, Option("--text", "-t", help="A text, instead of a file")] = None,
) -> None:
    """Print texts with the entities that a pipeline finds in them and their scores."""
    with user_errors("Demo failed"):
        texts = _texts(file, text)

        import spacy

        from spacy_llama_ner.evaluation.entity_table import ENTITY_HEADER, entity_rows
        from spacy_llama_ner.release.entities import entities

        nlp = spacy.load(model)
        for paragraph, found in zip(texts, entities(nlp, texts), strict=True):
            msg.text(wrap(paragraph, indent=0), spaced=True)
            if found:
                rows = entity_rows((ent["text"], ent["label"], ent["score"]) for ent in found)
                msg.table(rows, header=ENTITY_HEADER, aligns=("l", "l", "r"), divider=True)
            else:
                msg.info("No entities")


def _texts(file: Path | None, text: str | None) -> list[str]:
    if text is not None and file is not None:
        raise ValueError("Give a file or --text, not both.")
    if text is not None:
        return [text]
    if file is None and not SAMPLES.is_file():
        raise ValueError(f"There is no {SAMPLES} here: give a file or --text.")
    return read_paragraphs(file or SAMPLES)
