"""`convert`: a corpus to spaCy's binary format."""

import json
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from spacy_llama_ner.cli import app
from spacy_llama_ner.cli.console import msg, user_errors

if TYPE_CHECKING:
    from spacy_llama_ner.corpus.article import CorpusCounts


class Unit(StrEnum):
    """What makes one Doc."""

    auto = "auto"
    sentence = "sentence"
    article = "article"


class Split(StrEnum):
    """Which part of a source."""

    train = "train"
    dev = "dev"
    test = "test"


class Spacing(StrEnum):
    """Where spaces go between tokens."""

    natural = "natural"
    plain = "plain"


@app.command("convert")
def convert_cli(
    source: Annotated[
        str, Argument(help="CoNLL file, folder of them, training config (*.cfg) or hub data set (owner/name)")
    ],
    output: Annotated[Path, Argument(help="DocBin to write (*.spacy); its counts go beside it (*.json)")],
    unit: Annotated[
        Unit, Option(help="What makes one Doc; auto: what the config's [paths] unit says, else a sentence")
    ] = Unit.auto,
    split: Annotated[Split | None, Option(help="Which part; not needed for a single file")] = None,
    spacing: Annotated[Spacing, Option(help="Spaces as in print, or one between any two")] = Spacing.natural,
    repair: Annotated[bool, Option("--repair", help="Mend malformed lines and tags, and report")] = False,
    revision: Annotated[str | None, Option(help="Branch, tag or commit of the hub data set")] = None,
    config: Annotated[
        Path | None, Option(help="Training config for --unit auto, where the source is not one itself")
    ] = None,
) -> None:
    """Convert CoNLL files or a hub data set to spaCy's binary format."""
    with user_errors("Conversion failed"):
        from spacy.vocab import Vocab

        from spacy_llama_ner.corpus.article import CorpusError
        from spacy_llama_ner.corpus.docbin import corpus_to_docs, write_docbin
        from spacy_llama_ner.corpus.source import configured_unit, read_source
        from spacy_llama_ner.replacement import write_whole

        if output.suffix != ".spacy":
            raise CorpusError(f"{output}: unexpected suffix. Expected a file named *.spacy.")
        if unit == Unit.auto:
            unit = Unit(configured_unit(config or Path(source)) or Unit.sentence)
        corpus = read_source(source, split=split, revision=revision, repair=repair)
        # A bare vocabulary will do: nothing that depends on the language is stored.
        docs = corpus_to_docs(corpus, Vocab(), unit=unit, spacing=spacing)
        written = write_docbin(docs, output)
        counts = corpus.count()
        repairs = [asdict(made) for made in corpus.repairs]
        settings = {"source": source, "split": split, "revision": revision, "unit": unit, "spacing": spacing}
        report = {**settings, "commit": corpus.commit, "docs": written, **asdict(counts), "repairs": repairs}
        write_whole(output.with_suffix(".json"), (json.dumps(report, indent=2) + "\n").encode())
    msg.good(f"Wrote {output}")
    _show(counts, written)
    for made in corpus.repairs:
        msg.warn(f"{made.count:,} x {made.kind}; first at {made.first}")


def _show(counts: "CorpusCounts", docs: int) -> None:
    rows = [
        ("Docs", f"{docs:,}"),
        ("Articles", "unknown" if counts.articles is None else f"{counts.articles:,}"),
        ("Sentences", f"{counts.sentences:,}"),
        ("Tokens", f"{counts.tokens:,}"),
        ("Entities", f"{counts.entities:,}"),
        *((f"  {label}", f"{count:,}") for label, count in counts.labels.items()),
    ]
    msg.table(rows, aligns=("l", "r"))
