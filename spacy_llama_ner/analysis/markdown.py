"""Write an analysis as Markdown."""

from typing import Any, Literal

from wasabi import MarkdownRenderer

from spacy_llama_ner.analysis.table import confusion_title, example_line, tables
from spacy_llama_ner.evaluation.tables import escape_markdown


def write_markdown(result: dict[str, Any]) -> str:
    """Write tables, confusions with examples and advice. It quotes the corpus.

    result (dict): What `analyze` returned, or the same read from JSON; `model` and `corpus` may be absent.
    RETURNS (str): Markdown. Text of the corpus is escaped.
    """
    md = MarkdownRenderer()
    md.add(md.title(1, "Error analysis"))
    if "model" in result:
        md.add(f"Pipeline {escape_markdown(result['model'])} on {escape_markdown(result['corpus'])}.")
    counts = result["counts"]
    md.add(", ".join(f"{counts[name]:,} {name}" for name in counts) + ".")
    for table in tables(result):
        md.add(md.title(2, escape_markdown(table.title)))
        rows = [[escape_markdown(cell) for cell in row] for row in table.rows]
        numbers: list[Literal["l", "r"]] = ["r"] * (len(table.header) - 1)
        md.add(md.table(rows, [escape_markdown(cell) for cell in table.header], ["l", *numbers]))
        for note in table.notes:
            md.add(escape_markdown(note))
    if result["confusions"]:
        md.add(md.title(2, "Most frequent confusions"))
    for confusion in result["confusions"]:
        md.add(md.title(3, escape_markdown(confusion_title(confusion))))
        md.add(
            md.list(
                f"{escape_markdown(example_line(example))}: {escape_markdown(example['text'])}"
                for example in confusion["examples"]
            )
        )
    md.add(md.title(2, "Advice"))
    for advice in result["advice"]:
        md.add(md.title(3, escape_markdown(advice["rule"])))
        for part in (advice["finding"], f"Likely: {advice['reason']}", f"Try: {advice['try']}"):
            md.add(escape_markdown(part))
    if not result["advice"]:
        md.add("Nothing stands out.")
    return md.text + "\n"
