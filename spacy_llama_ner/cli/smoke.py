"""`smoke`: try a packaged pipeline where nothing else is installed."""

import json
from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from spacy_llama_ner.cli import app
from spacy_llama_ner.cli.console import msg, user_errors
from spacy_llama_ner.cli.paragraphs import read_paragraphs
from spacy_llama_ner.release.environment import Dependencies


@app.command("smoke")
def smoke_cli(
    pipeline_wheel: Annotated[Path, Argument(help="The pipeline's wheel")],
    project_wheel: Annotated[Path, Argument(help="The wheel of spacy_llama_ner")],
    reference: Annotated[Path, Option("--reference", "-r", help="Folder of the pipeline that was packaged")],
    texts: Annotated[Path, Option("--texts", "-t", help="Sample paragraphs")] = Path("assets/samples.txt"),
    constraints: Annotated[Path | None, Option("--constraints", "-c", help="pip constraints file")] = None,
    output: Annotated[Path | None, Option("--output", "-o", help="JSON file for what was checked")] = None,
    dependencies: Annotated[
        Dependencies,
        Option(help="Install them, share this environment's, or share only if no package index is reached"),
    ] = Dependencies.auto,
    time_limit: Annotated[float, Option(help="Seconds that pip, and then the check, may take")] = 600,
) -> None:
    """Install both wheels in a new environment and compare entities and scores with those from before."""
    with user_errors("Smoke test failed"):
        from spacy_llama_ner.release.smoke import smoke_test
        from spacy_llama_ner.replacement import write_whole

        paragraphs = read_paragraphs(texts)
        report = smoke_test(
            pipeline_wheel,
            project_wheel,
            reference=reference,
            texts=paragraphs,
            constraints=constraints,
            dependencies=dependencies,
            time_limit=time_limit,
        )
        if output is not None:
            output.parent.mkdir(parents=True, exist_ok=True)
            write_whole(output, (json.dumps(report, indent=2, ensure_ascii=False) + "\n").encode())
    _show(report, wanted=dependencies)


def _show(report: dict, *, wanted: Dependencies) -> None:
    from spacy_llama_ner.evaluation.entity_table import ENTITY_HEADER, entity_rows

    if report["mode"] != wanted and report["mode"] == Dependencies.share:
        msg.warn(
            "No package index reached: dependencies were shared, not installed",
            "The wheels were installed into a new environment that sees this one's other packages. A "
            "requirement that the wheels fail to name goes unseen so. Run it with an index to check that.",
        )
    for found in report["found"]:
        if found:
            rows = entity_rows((ent["text"], ent["label"], ent["score"]) for ent in found)
            msg.table(rows, header=ENTITY_HEADER, aligns=("l", "l", "r"), divider=True)
    seconds, difference = report["seconds"], report["max_score_difference"]
    compared = "no entity has a score" if difference is None else f"largest score difference {difference:.1e}"
    msg.good(
        f"{report['pipeline']} gives the same {report['entities']} entities when installed ({compared})",
        f"{report['mode']}: {seconds['install']:.1f} s to install, {seconds['check']:.1f} s to run "
        f"({seconds['load']:.1f} s to load, {seconds['predict']:.1f} s to predict), {seconds['total']:.1f} s in all",
    )
