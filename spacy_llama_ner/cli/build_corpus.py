"""`build-corpus`: markup to CoNLL files."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from spacy_llama_ner.cli import app
from spacy_llama_ner.cli.console import msg, user_errors

if TYPE_CHECKING:
    from spacy_llama_ner.corpus.article import CorpusCounts


@app.command("build-corpus")
def build_corpus_cli(
    folder: Annotated[Path, Argument(help="Folder with articles/*.txt and splits.json")],
    check: Annotated[bool, Option("--check", help="Write nothing; fail if the files are stale")] = False,
) -> None:
    """Build train.conll, dev.conll and test.conll of articles in markup."""
    with user_errors("Building the corpus failed"):
        from spacy_llama_ner.corpus.article import CorpusError
        from spacy_llama_ner.corpus.build import read_markup_corpus
        from spacy_llama_ner.corpus.conll import format_conll
        from spacy_llama_ner.replacement import write_whole

        corpora = read_markup_corpus(folder)
        files = {
            folder / f"{split}.conll": format_conll(corpus.articles) for split, corpus in corpora.items()
        }
        if check:
            stale = [str(path) for path, text in files.items() if not _holds(path, text)]
            if stale:
                raise CorpusError(f"Out of date: {', '.join(stale)}. Mend it with `build-corpus {folder}`.")
        else:
            for path, text in files.items():
                write_whole(path, text.encode())
    msg.good(f"{'Up to date' if check else 'Wrote'}: {', '.join(str(path) for path in files)}")
    _show({split: corpus.count() for split, corpus in corpora.items()})


def _holds(path: Path, text: str) -> bool:
    return path.is_file() and path.read_bytes() == text.encode()


def _show(counts: "dict[str, CorpusCounts]") -> None:
    labels = sorted({label for count in counts.values() for label in count.labels})
    rows = []
    for split, count in counts.items():
        of_label = (count.labels.get(label, 0) for label in labels)
        rows.append((split, count.articles, count.sentences, count.tokens, count.entities, *of_label))
    header = ("Split", "Articles", "Sentences", "Tokens", "Entities", *labels)
    msg.table(rows, header=header, aligns=("l", *("r",) * (len(header) - 1)), divider=True)
