"""`check-corpus`: whether a corpus is in order, and what it holds."""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

from typer import Argument, Option

from spacy_llama_ner.cli import app
from spacy_llama_ner.cli.console import msg, user_errors

if TYPE_CHECKING:
    from spacy_llama_ner.corpus.agreement import Agreement
    from spacy_llama_ner.corpus.check import CorpusCheck

Item = TypeVar("Item")


@app.command("check-corpus")
def check_corpus_cli(
    folder: Annotated[Path, Argument(help="Folder with articles/*.txt and splits.json, or with CoNLL files")],
    output: Annotated[Path | None, Option("--output", "-o", help="JSON file for all that was found")] = None,
    show: Annotated[int, Option(min=0, help="How many rows of each list to show; 0: all")] = 10,
) -> None:
    """Check the markup, consistency, splits and annotators' agreement of a corpus; fail if something is wrong."""
    with user_errors("Checking the corpus failed"):
        from spacy_llama_ner.corpus.check import check_corpus
        from spacy_llama_ner.replacement import write_whole

        check = check_corpus(folder)
        if output is not None:
            output.parent.mkdir(parents=True, exist_ok=True)
            report = json.dumps(_report(check), indent=2, ensure_ascii=False)
            write_whole(output, (report + "\n").encode())
    _show_splits(check)
    if check.agreement is not None:
        _show_agreement(check.agreement, check.agreement_articles, show)
    _show_forms(check, show)
    if output is not None:
        msg.good(f"Saved the report to {output}")
    if check.problems:
        msg.fail(f"{len(check.problems):,} problems in {folder}")
        for problem in check.problems:  # Not through the printer: it breaks lines, and paths in them.
            print(problem)
        sys.exit(1)
    msg.good(f"{folder} is in order")


def _report(check: "CorpusCheck") -> dict:
    report = asdict(check)
    if check.agreement is not None:
        agreement = report["agreement"]
        agreement["articles"] = report["agreement_articles"]
        agreement["entities"]["f1"] = check.agreement.entities.f1
        for label, entities in check.agreement.labels.items():
            agreement["labels"][label]["f1"] = entities.f1
    del report["agreement_articles"]
    for key in ("ambiguous", "unmarked"):
        why = report.pop(f"why_{key}")
        for form in report[key]:
            form["why"] = why.get(form["form"])
    return report


def _show_splits(check: "CorpusCheck") -> None:
    labels = sorted({label for count in check.counts.values() for label in count.labels})
    rows = []
    for split, count in check.counts.items():
        articles = "unknown" if count.articles is None else f"{count.articles:,}"
        sizes = (f"{n:,}" for n in (count.sentences, count.tokens, count.entities))
        shares = (_percent(count.labels.get(label, 0), count.entities) for label in labels)
        rows.append((split, articles, *sizes, *shares))
    header = ("Split", "Articles", "Sentences", "Tokens", "Entities", *(f"{label} %" for label in labels))
    _table(rows, header)
    msg.divider("Names that train has too, % of distinct names / of mentions")
    rows = [
        (
            split,
            *(
                f"{_percent(x.shared_names, x.names)} / {_percent(x.shared_mentions, x.mentions)}"
                if (x := shared.get(key))
                else "-"
                for key in (*labels, "all")
            ),
        )
        for split, shared in check.shared.items()
    ]
    _table(rows, ("Split", *labels, "all"))


def _show_agreement(agreement: "Agreement", articles: int, show: int) -> None:
    msg.divider(f"Two annotations of {articles:,} articles, {agreement.sentences:,} sentences")
    kappa = "-" if agreement.kappa is None else f"{agreement.kappa:.3f}"
    same = f"{100 * agreement.same_tags:.2f}"
    msg.table([("Tokens", f"{agreement.tokens:,}"), ("Same tag, %", same), ("Cohen's kappa", kappa)])
    rows = [
        (label, "-" if x.f1 is None else f"{100 * x.f1:.2f}", x.first, x.second, x.both)
        for label, x in [*agreement.labels.items(), ("all", agreement.entities)]
    ]
    _table(rows, ("Entities", "F1", "First", "Second", "Both"))
    for x in _first(agreement.disagreements, show):
        print(f"{x.place}  {x.first}  |  {x.second}")


def _show_forms(check: "CorpusCheck", show: int) -> None:
    """Leave those out that the problems name."""
    if ambiguous := [x for x in check.ambiguous if not check.explain or x.form in check.why_ambiguous]:
        msg.divider("Forms with several labels")
        for x in _first(ambiguous, show):
            labels = ", ".join(f"{label} {n:,} ({x.places[label]})" for label, n in x.counts.items())
            _print_form(x.form, labels, check.why_ambiguous)
    if unmarked := [x for x in check.unmarked if not check.explain or x.form in check.why_unmarked]:
        msg.divider("Entities that are perhaps missed elsewhere")
        for y in _first(unmarked, show):
            labels = ", ".join(f"{label} {n:,}" for label, n in y.counts.items())
            more = f" and {len(y.places) - 3:,} more" if len(y.places) > 3 else ""
            text = f"{labels}, unmarked at {', '.join(y.places[:3])}{more}"
            _print_form(y.form, text, check.why_unmarked)


def _print_form(form: str, text: str, why: Mapping[str, str]) -> None:
    print(f"{form}: {text}")
    if form in why:
        print(f"    {why[form]}")


def _first(items: Sequence[Item], show: int) -> Iterator[Item]:
    """Give the items to show, and say how many are left out."""
    yield from items[: show or None]
    if show and len(items) > show:
        print(f"... and {len(items) - show:,} more (--show 0)")


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f}" if whole else "-"


def _table(rows: Sequence[tuple], header: tuple[str, ...]) -> None:
    msg.table(rows, header=header, aligns=("l", *("r",) * (len(header) - 1)), divider=True)
