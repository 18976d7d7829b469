"""`quantize`: write a smaller pipeline, its backbone in 8 or 4 bits, and measure what that saves and costs."""

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from spacy_llama_ner.cli import app
from spacy_llama_ner.cli.console import msg, show_tables, user_errors
from spacy_llama_ner.cli.paragraphs import read_paragraphs


class Bits(StrEnum):
    """How weights can be stored: in 8 or in 4 bits."""

    int8 = "int8"
    nf4 = "nf4"


@app.command("quantize")
def quantize_cli(
    model_dir: Annotated[Path, Argument(help="Pipeline's folder")],
    output_dir: Annotated[Path, Argument(help="Folder for the smaller pipeline")],
    to: Annotated[
        Bits,
        Option(help="Of linear layers: int8, half the size of bfloat16; nf4, a quarter. Embeddings stay"),
    ],
    dev: Annotated[Path | None, Option(help="Annotated corpus, a .spacy file, to measure F1 on")] = None,
    texts: Annotated[
        Path, Option("--texts", "-t", help="Without --dev: sample paragraphs to compare entities in")
    ] = Path("assets/samples.txt"),
    report: Annotated[Path | None, Option("--json", help="JSON file for what was measured")] = None,
    force: Annotated[bool, Option("--force", "-f", help="Replace another pipeline in OUTPUT_DIR")] = False,
    gpu_id: Annotated[int, Option("--gpu-id", "-g", help="GPU to measure on, or -1 for the CPU")] = -1,
) -> None:
    """Write a pipeline with its backbone, adapters merged into it, in 8 or 4 bits; compare it with the original."""
    with user_errors("Quantizing failed"):
        from spacy.vocab import Vocab

        from spacy_llama_ner.calibration.saving import check_output
        from spacy_llama_ner.evaluation.examples import read_gold
        from spacy_llama_ner.network.quantization import check_package
        from spacy_llama_ner.release.quantize import quantize_pipeline, quantize_tables
        from spacy_llama_ner.replacement import write_whole

        # Before anything is loaded: a wrong path costs no waiting.
        check_package(to)
        if not (model_dir / "meta.json").is_file():
            raise FileNotFoundError(f"No pipeline in {model_dir}: it has no meta.json.")
        if output_dir.resolve() == model_dir.resolve():
            raise ValueError(
                f"{output_dir} is the pipeline itself, which is not replaced. Choose another output."
            )
        check_output(output_dir, model=str(model_dir), force=force)
        if dev is not None:
            read_gold(dev, Vocab())
        result = quantize_pipeline(
            model_dir, output_dir, to=to, inputs=read_paragraphs(texts) if dev is None else dev, gpu_id=gpu_id
        )
        if report is not None:
            report.parent.mkdir(parents=True, exist_ok=True)
            paths = {"model": str(model_dir), "output": str(output_dir)}
            write_whole(report, (json.dumps({**paths, **result}, indent=2) + "\n").encode())
    show_tables(quantize_tables(result))
    if "warning" in result:
        msg.warn(result["warning"])
    if report is not None:
        msg.good(f"Saved the measurements to {report}")
    msg.good(f"Saved the pipeline in {to} to {output_dir}")
