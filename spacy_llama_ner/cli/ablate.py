"""`ablate`: what attention, CRF and adapters are worth, over seeds."""

import json
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from typer import Argument, Option

from spacy_llama_ner.cli import app
from spacy_llama_ner.cli.console import msg, show_tables, user_errors

if TYPE_CHECKING:
    from spacy_llama_ner.comparison.ablation import Cell, Plan


@app.command("ablate")
def ablate_cli(
    config: Annotated[Path, Argument(help="Config of llama_crf_ner, such as configs/mini.cfg")],
    train: Annotated[Path, Option(help="Training corpus, a .spacy file")],
    dev: Annotated[Path, Option(help="Corpus on which each training chooses its best pipeline")],
    output: Annotated[
        Path, Option("--output", "-o", help="JSON file for the results; the runs in it are kept")
    ],
    test: Annotated[
        Path | None, Option(help="Corpus that they are scored on  [default: that of --dev]")
    ] = None,
    markdown: Annotated[Path | None, Option(help="Markdown file for the tables")] = None,
    work: Annotated[Path, Option(help="Folder for the trainings")] = Path("training/ablate"),
    seed: Annotated[list[int], Option(help="May be given several times")] = [0, 1, 2],  # noqa: B006
    only: Annotated[
        list[str] | None,
        Option(help="Train only cells whose name has this text, such as 'causal, CRF'; may be given twice"),
    ] = None,
    setting: Annotated[
        list[str] | None,
        Option("--set", help="KEY=VALUE in the config of all cells, such as training.max_epochs=2"),
    ] = None,
    jobs: Annotated[
        int, Option(min=1, help="Trainings side by side, with one thread each if more than one")
    ] = 1,
    replace: Annotated[
        bool,
        Option("--replace", help="Drop the runs in --output that are of another config, corpus or backbone"),
    ] = False,
    gpu_id: Annotated[int, Option("--gpu-id", "-g", help="GPU, or -1 for the CPU")] = -1,
) -> None:
    """Train each combination of attention, CRF and adapters over seeds; print means and paired differences."""
    with user_errors("Ablation failed"):
        import spacy

        from spacy_llama_ner.comparison import ablation
        from spacy_llama_ner.comparison.tables import ablation_tables
        from spacy_llama_ner.evaluation.examples import read_gold
        from spacy_llama_ner.evaluation.tables import to_markdown
        from spacy_llama_ner.replacement import write_whole

        if not config.is_file():
            raise ValueError(f"No config at {config}.")
        plan = ablation.Plan(config, _settings(setting or []), train, dev, test or dev)
        for path in (train, dev, plan.test):
            read_gold(path, spacy.blank("en").vocab)
        if gpu_id >= 0:
            spacy.require_gpu(gpu_id)
        wanted = [
            cell
            for cell in ablation.cells(list(dict.fromkeys(seed)))
            if not only or any(text in cell.key for text in only)
        ]
        if not wanted:
            raise ValueError(f"--only leaves no cell. Cells are called like {ablation.cells(seed)[0].key!r}.")
        earlier = _read_runs(output)
        runs = ablation.still_valid(earlier, plan)
        if not replace:
            _check_kept(earlier, runs, output)
        todo = [cell for cell in wanted if cell.key not in runs]
        msg.info(f"{len(todo)} of {len(wanted)} trainings to do, in {work}")
        output.parent.mkdir(parents=True, exist_ok=True)

        def save() -> dict[str, Any]:
            result = _result(plan, runs, gpu_id)
            write_whole(output, (json.dumps(result, indent=1) + "\n").encode())
            return result

        failed = []
        for cell, training in _train(plan, todo, work, jobs=jobs, gpu_id=gpu_id):
            try:
                runs[cell.key] = ablation.score_cell(plan, cell, training.result())
            except ValueError as e:  # the others go on
                failed.append(f"{cell.key}: {e}")
                continue
            msg.text(f"{cell.key}: F1 {100 * runs[cell.key]['f1']:.2f}")
            save()
        result = save()
        tables = ablation_tables(result)
        if markdown is not None:
            markdown.parent.mkdir(parents=True, exist_ok=True)
            write_whole(markdown, to_markdown("Ablation", tables).encode())
        show_tables(tables)
        if failed:
            raise ValueError("\n".join(failed))
    msg.good(f"Saved results to {output}")


def _train(
    plan: "Plan", cells: "list[Cell]", work: Path, *, jobs: int, gpu_id: int
) -> "Iterator[tuple[Cell, Future]]":
    """YIELDS (tuple[Cell, Future]): Each cell when its training has ended, well or not."""
    from spacy_llama_ner.comparison.ablation import run_cell

    with ThreadPoolExecutor(jobs) as pool:
        futures = {
            pool.submit(run_cell, plan, cell, work, gpu_id=gpu_id, one_thread=jobs > 1): cell
            for cell in cells
        }
        try:
            for future in as_completed(futures):
                yield futures[future], future
        finally:
            pool.shutdown(wait=False, cancel_futures=True)  # after an interrupt: start no more


def _result(plan: "Plan", runs: dict[str, Any], gpu_id: int) -> dict[str, Any]:
    from spacy_llama_ner.comparison.ablation import summarize
    from spacy_llama_ner.comparison.machine import describe_machine

    return {
        "config": str(plan.config),
        "changes": dict(plan.changes),
        "train": str(plan.train),
        "dev": str(plan.dev),
        "scored_on": str(plan.test),
        "machine": describe_machine(gpu_id=gpu_id),
        **summarize(list(runs.values())),
        "runs": dict(sorted(runs.items())),
    }


def _read_runs(output: Path) -> dict[str, Any]:
    """Read an earlier file of results, which is about to be replaced: another file is refused."""
    if not output.exists():
        return {}
    try:
        return json.loads(output.read_text(encoding="utf8"))["runs"]
    except (ValueError, KeyError, TypeError) as e:
        raise ValueError(
            f"{output} exists and holds no ablation: give another --output, or delete it."
        ) from e


def _check_kept(earlier: Mapping[str, Any], kept: Mapping[str, Any], output: Path) -> None:
    if dropped := [key for key in earlier if key not in kept]:
        raise ValueError(
            f"{output} holds {len(dropped)} of {len(earlier)} runs that are of another config, corpus or backbone, "
            f"such as {dropped[0]!r}: give another --output to keep them, or --replace to drop them."
        )


def _settings(values: list[str]) -> dict[str, Any]:
    """Read KEY=VALUE; a value that is no JSON is text, as for `spacy train`."""
    settings: dict[str, Any] = {}
    for value in values:
        key, equals, text = value.partition("=")
        if "." not in key or not equals:
            raise ValueError(f"--set {value}: expected KEY=VALUE, such as training.max_epochs=2.")
        try:
            settings[key] = json.loads(text)
        except ValueError:
            settings[key] = text
    return settings
