"""`doctor`: prove that a machine is ready for a training, and say what the training needs."""

import json
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from typer import Option

from spacy_llama_ner.cli import app
from spacy_llama_ner.cli.console import msg, user_errors

if TYPE_CHECKING:
    from spacy_llama_ner.doctor.check import Section
    from spacy_llama_ner.doctor.memory import BatchShape, Item

OUTPUT = Path("training")  # where project.yml lets training save


@app.command("doctor")
def doctor_cli(
    profile: Annotated[str, Option(help="Which config: configs/PROFILE.cfg")] = "mini",
    config: Annotated[Path | None, Option(help="Another config, instead of a profile's")] = None,
    gpu_id: Annotated[int, Option("--gpu-id", "-g", help="GPU, or -1 for the CPU")] = -1,
    corpus: Annotated[
        Path | None, Option(help="Training corpus, a .spacy file, instead of the config's")
    ] = None,
    output: Annotated[Path | None, Option("--json", help="JSON file for all that was found")] = None,
    estimate_only: Annotated[
        bool, Option("--estimate-only", help="Expected memory alone: neither weights nor training")
    ] = False,
) -> None:
    """Check versions, device, hub, tokenizer, attention, a training step, saving; estimate memory and hours."""
    path = config or Path("configs") / f"{profile}.cfg"
    sections: list[Section] = []
    with user_errors("The config cannot be examined"), tempfile.TemporaryDirectory() as work:
        from spacy_llama_ner.doctor.plan import read_plan
        from spacy_llama_ner.doctor.run import NEEDS, estimate, examine
        from spacy_llama_ner.doctor.state import State

        plan = read_plan(path, corpus=corpus, work=Path(work))
        state = State(plan, gpu_id, OUTPUT)
        msg.info(f"{path}: {plan.shim.source.name}")
        for section in [estimate(state)] if estimate_only else examine(state):
            sections.append(section)
            _show(section)
            if section.title == NEEDS:
                _show_memory(state.sums)
    checks = [check for section in sections for check in section.checks]
    if output is not None:
        from spacy_llama_ner.replacement import write_whole

        output.parent.mkdir(parents=True, exist_ok=True)
        write_whole(output, (json.dumps(_report(path, sections), indent=2) + "\n").encode())
        msg.good(f"Saved the report to {output}")
    failed = [check.what for check in checks if check.status == "fail"]
    if failed:
        msg.fail(f"Not ready: {', '.join(failed)}")
        sys.exit(1)
    warnings = sum(check.status == "warn" for check in checks)
    done = "Estimated" if estimate_only else "Ready"
    msg.good(f"{done}, with {warnings} warning{'s' * (warnings > 1)}" if warnings else done)


def _show(section: "Section") -> None:
    msg.divider(section.title)
    rows = [(check.what, check.found, check.status) for check in section.checks]
    msg.table(rows, max_col=100)
    for check in section.checks:
        if check.advice:  # Not through the printer: it breaks lines, and paths in them.
            print(f"{check.what}: {check.advice}")
    sys.stdout.flush()


def _show_memory(sums: "list[tuple[BatchShape, list[Item]]]") -> None:
    """Print the arithmetic, for one batch beside the other."""
    if not sums:
        return
    first, last = (items for _, items in sums)
    rows = [
        (
            item.name,
            item.how,
            _megabytes(item.size),
            other.how if other.how != item.how else "",
            _megabytes(other.size),
        )
        for item, other in zip(first, last, strict=True)
    ]
    total = [_megabytes(sum(item.size for item in column)) for column in (first, last)]
    header = ("Memory at the peak, MB", *(cell for shape, _ in sums for cell in (str(shape), "")))
    msg.table(
        rows,
        header=header,
        footer=("sum", "", total[0], "", total[1]),
        aligns=("l", "r", "r", "r", "r"),
        divider=True,
        max_col=50,
    )


def _megabytes(size: float) -> str:
    return f"{size / 1e6:,.1f}"


def _report(path: Path, sections: "list[Section]") -> dict[str, Any]:
    from dataclasses import asdict

    return {
        "config": str(path),
        "ready": all(check.status != "fail" for section in sections for check in section.checks),
        "sections": [asdict(section) for section in sections],
    }
