"""`pretrain`: text to a small Llama."""

import json
import os
import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

from typer import Argument, Option

from spacy_llama_ner.cli import app
from spacy_llama_ner.cli.console import msg, user_errors


@app.command("pretrain")
def pretrain_cli(
    texts: Annotated[list[Path], Argument(help='JSON lines, {"text": ...}: .jsonl, .jsonl.xz, .jsonl.gz')],
    output: Annotated[Path, Option("--output", "-o", help="Folder for `model` and `run`")],
    init_from: Annotated[
        Path | None, Option(help="Llama to train on, with its tokenizer; else both are new")
    ] = None,
    vocab_size: Annotated[int | None, Option(help="Pieces of a new tokenizer (8192)")] = None,
    hidden_size: Annotated[int | None, Option(help="Hidden size of a new Llama (256)")] = None,
    intermediate_size: Annotated[int | None, Option(help="MLP size of a new Llama (704)")] = None,
    layers: Annotated[int | None, Option(help="Layers of a new Llama (6)")] = None,
    heads: Annotated[int | None, Option(help="Attention heads of a new Llama (8)")] = None,
    kv_heads: Annotated[int | None, Option(help="Key/value heads of a new Llama (4)")] = None,
    row_length: Annotated[int, Option(help="Pieces of a training row")] = 256,
    validation_share: Annotated[float, Option(help="Share of the documents held out")] = 0.005,
    epochs: Annotated[float, Option(help="Passes over the text, or a part of one")] = 1.0,
    batch_rows: Annotated[int, Option(help="Rows a step")] = 16,
    learn_rate: Annotated[float, Option(help="Peak learning rate")] = 2e-3,
    warmup_steps: Annotated[int, Option(help="Steps of linear warm-up")] = 150,
    masked_share: Annotated[
        float,
        Option(help="Share of batches that are masked and bidirectional, for bidirectional fine-tuning"),
    ] = 0.0,
    save_every: Annotated[int, Option(help="Steps between checkpoints, with the validation loss")] = 500,
    seed: Annotated[int, Option(help="Seed")] = 0,
    max_shard_size: Annotated[str, Option(help="Largest weights file")] = "15MB",
    about: Annotated[Path | None, Option(help="JSON with texts for the model card")] = None,
    gpu_id: Annotated[int, Option("--gpu-id", "-g", help="GPU, or -1 for the CPU")] = -1,
    resume: Annotated[bool, Option("--resume", help="Go on from the last checkpoint")] = False,
) -> None:
    """Pretrain a small Llama and its tokenizer on any text, or train one on."""
    with user_errors("Pretraining failed"):
        _choose_gpu(gpu_id)
        import torch

        from spacy_llama_ner.pretraining.model import Shape
        from spacy_llama_ner.pretraining.run import pretrain
        from spacy_llama_ner.pretraining.settings import Settings
        from spacy_llama_ner.pretraining.training import Schedule

        if gpu_id >= 0 and not torch.cuda.is_available():
            raise ValueError(
                f"--gpu-id {gpu_id}: torch {torch.__version__} sees no CUDA device. Use -1 for the CPU"
            )
        sizes = {
            "vocab_size": vocab_size,
            "hidden_size": hidden_size,
            "intermediate_size": intermediate_size,
            "num_hidden_layers": layers,
            "num_attention_heads": heads,
            "num_key_value_heads": kv_heads,
        }
        given = {name: size for name, size in sizes.items() if size is not None}
        settings = Settings(
            texts=tuple(map(str, texts)),
            init_from=str(init_from) if init_from else None,
            shape=Shape(**given) if given or not init_from else None,
            row_length=row_length,
            validation_share=validation_share,
            schedule=Schedule(
                epochs=epochs,
                batch_rows=batch_rows,
                learn_rate=learn_rate,
                warmup_steps=warmup_steps,
                masked_share=masked_share,
                steps_between_saves=save_every,
                seed=seed,
            ),
        )
        facts = pretrain(
            settings,
            output,
            resume=resume,
            use_cpu=gpu_id < 0,
            command=shlex.join(["python", "-m", "spacy_llama_ner", *sys.argv[1:]]),
            about=_read_about(about),
            max_shard_size=max_shard_size,
            report=_show,
        )
    masked = facts.get("validation_loss_masked")
    msg.good(
        f"Wrote {output / 'model'}: validation loss {facts['validation_loss']:.3f} nats a piece"
        + (f", {masked:.3f} a masked piece" if masked is not None else "")
    )


def _choose_gpu(gpu_id: int) -> None:
    """Let torch see that GPU alone: the Trainer takes the first one. To be called before torch looks."""
    if gpu_id < 0:
        return
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    devices = [device for device in visible.split(",") if device] if visible is not None else None
    if devices is not None and gpu_id >= len(devices):
        raise ValueError(f"--gpu-id {gpu_id}: CUDA_VISIBLE_DEVICES={visible!r} has {len(devices)} devices")
    os.environ["CUDA_VISIBLE_DEVICES"] = devices[gpu_id] if devices is not None else str(gpu_id)


def _read_about(path: Path | None) -> dict[str, str]:
    if path is None:
        return {}
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as e:
        raise ValueError(f"{path}: not JSON: {e}. Expected an object of texts for the model card") from e


def _show(record: dict[str, Any]) -> None:
    if "stage" in record:
        msg.info(record["stage"])
        return
    what = [f"step {record['step']:,} of {record['steps']:,}", f"{record['pieces'] / 1e6:,.2f}M pieces"]
    names = {"loss": "loss", "validation_loss": "validation loss", "validation_loss_masked": "masked"}
    what += [f"{name} {record[key]:.3f}" for key, name in names.items() if key in record]
    what.append(f"{record['pieces_per_second']:,.0f} pieces/s")
    if record["seconds_left"] is not None:
        what.append(f"{record['seconds_left'] / 60:.0f} min left")
    print("  ".join(what), flush=True)
