"""`split-corpus`: choose the articles of dev and test."""

import json
from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from spacy_llama_ner.cli import app
from spacy_llama_ner.cli.console import msg, user_errors


@app.command("split-corpus")
def split_corpus_cli(
    folder: Annotated[Path, Argument(help="Folder with articles/*.txt; splits.json is written anew")],
    seed: Annotated[int, Option(help="The same seed makes the same choice")] = 0,
    dev: Annotated[float, Option(help="Share of the sentences for dev")] = 0.1,
    test: Annotated[float, Option(help="Share of the sentences for test")] = 0.1,
) -> None:
    """Choose dev and test by article: labels spread evenly, few names of persons and organisations in train too."""
    with user_errors("Splitting the corpus failed"):
        from spacy_llama_ner.corpus.build import find_articles
        from spacy_llama_ner.corpus.choose_splits import choose_splits
        from spacy_llama_ner.corpus.markup import read_markup
        from spacy_llama_ner.replacement import write_whole

        articles = {name: read_markup(path) for name, path in find_articles(folder).items()}
        chosen = choose_splits(articles, seed=seed, dev=dev, test=test)
        write_whole(folder / "splits.json", (json.dumps(chosen.splits, indent=2) + "\n").encode())
    split_of = {name: split for split, names in chosen.splits.items() for name in names}
    msg.good(f"Wrote {folder / 'splits.json'}, the best of {chosen.draws:,} choices")
    rows = []
    for split in ("train", "dev", "test"):
        sizes = [len(x.sentences) for name, x in articles.items() if split_of.get(name, "train") == split]
        rows.append((split, f"{len(sizes):,}", f"{sum(sizes):,}"))
    msg.table(rows, header=("Split", "Articles", "Sentences"), aligns=("l", "r", "r"), divider=True)
    print(f"Labels differ by {chosen.balance:.1f} points at most from the whole corpus.")
    print(
        f"Of the persons and organisations of dev and test {chosen.shared:.1f}% have names that train has too."
    )
    print(f"Write the files of the splits with `build-corpus {folder}`.")
