"""`calibrate`: fit the temperature of a pipeline's scores and store it in the pipeline."""

import json
from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from spacy_llama_ner.cli import app
from spacy_llama_ner.cli.console import msg, show_tables, user_errors


@app.command("calibrate")
def calibrate_cli(
    model: Annotated[str, Argument(help="Pipeline: a folder or an installed package's name")],
    dev: Annotated[Path, Argument(help="Annotated corpus to fit on, a .spacy file; not the training corpus")],
    output: Annotated[Path, Argument(help="Folder for the calibrated pipeline; may be MODEL's own")],
    test: Annotated[Path | None, Option(help="Annotated corpus to measure on, too, a .spacy file")] = None,
    report: Annotated[
        Path | None, Option("--report", "-r", help="JSON file for what was measured before and after")
    ] = None,
    force: Annotated[bool, Option("--force", "-f", help="Replace another pipeline in OUTPUT")] = False,
    if_possible: Annotated[
        bool, Option("--if-possible", help="Leave the temperature at 1 where there is too little to fit on")
    ] = False,
    gpu_id: Annotated[int, Option("--gpu-id", "-g", help="GPU, or -1 for the CPU")] = -1,
    batch_size: Annotated[
        int | None, Option("--batch-size", min=1, help="Docs read at once; else the pipeline's own")
    ] = None,
) -> None:
    """Fit a temperature so that ent._.score says how often an entity is right; the entities stay as they are."""
    with user_errors("Calibration failed"):
        import spacy
        from spacy.vocab import Vocab

        from spacy_llama_ner.calibration.pipeline import calibrate
        from spacy_llama_ner.calibration.saving import check_output, save_calibrated
        from spacy_llama_ner.calibration.tables import calibration_tables
        from spacy_llama_ner.evaluation.examples import read_gold
        from spacy_llama_ner.replacement import write_whole

        # Before the pipeline is loaded: a wrong path costs no waiting.
        for corpus in filter(None, (dev, test)):
            read_gold(corpus, Vocab())
        check_output(output, model=model, force=force)
        if gpu_id >= 0:
            spacy.require_gpu(gpu_id)
        nlp = spacy.load(model)
        result = calibrate(
            nlp,
            read_gold(dev, nlp.vocab),
            test=None if test is None else read_gold(test, nlp.vocab),
            batch_size=batch_size or nlp.batch_size,
            if_possible=if_possible,
        )
        save_calibrated(nlp, output)
        if report is not None:
            paths = {"model": model, "dev_corpus": str(dev), "test_corpus": test and str(test)}
            report.parent.mkdir(parents=True, exist_ok=True)
            write_whole(report, (json.dumps({**paths, **result}, indent=2) + "\n").encode())
    show_tables(calibration_tables(result))
    if report is not None:
        msg.good(f"Saved the measurements to {report}")
    msg.good(f"Saved the pipeline with temperature {result['temperature']:.3f} to {output}")
