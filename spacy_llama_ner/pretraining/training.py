"""The training run: transformers' Trainer over packed rows, with checkpoints that a second call goes on from."""

import json
import math
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from transformers.trainer import Trainer
from transformers.trainer_callback import PrinterCallback, TrainerCallback
from transformers.training_args import TrainingArguments

from spacy_llama_ner.pretraining.objective import Masking, NextPieceLoss


@dataclass(frozen=True)
class Schedule:
    """How long and how fast to train.

    epochs (float): Passes over the training rows; a part of one counts too.
    batch_rows (int): Rows a step.
    learn_rate (float): At the peak; a linear warm-up before, a cosine down to 5% of it after.
    warmup_steps (int): Steps until the peak.
    weight_decay (float): AdamW's, on matrices alone.
    masked_share (float): Share of the batches that are masked and bidirectional, 0 to 1.
    steps_between_saves (int): A checkpoint and the validation loss each so many steps.
    seed (int): Of order and masks.
    """

    epochs: float = 1.0
    batch_rows: int = 16
    learn_rate: float = 2e-3
    warmup_steps: int = 150
    weight_decay: float = 0.1
    masked_share: float = 0.0
    steps_between_saves: int = 500
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_rows", "learn_rate", "steps_between_saves"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} is {getattr(self, name)}; expected more than 0, and finite")
        if not 0 <= self.masked_share <= 1:
            raise ValueError(f"masked_share is {self.masked_share}; expected a share between 0 and 1")

    def steps(self, rows: int) -> int:
        """RETURNS (int): Optimizer steps over so many training rows, at least 1."""
        return max(1, round(self.epochs * math.ceil(rows / self.batch_rows)))

    def rows_read(self, rows: int) -> int:
        """RETURNS (int): How many rows these steps read; the last batch of an epoch may be smaller."""
        epochs, steps = divmod(self.steps(rows), math.ceil(rows / self.batch_rows))
        return epochs * rows + min(steps * self.batch_rows, rows)

    def warmup(self, rows: int) -> int:
        """RETURNS (int): Steps until the peak: at most half of all."""
        return min(self.warmup_steps, self.steps(rows) // 2)


class _Rows(torch.utils.data.Dataset):
    """Rows by number. A kind may be fixed for all: False for causal, True for masked."""

    def __init__(self, rows: NDArray, bidirectional: bool | None = None) -> None:
        self._rows = rows
        self._bidirectional = bidirectional

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> tuple[int, Any, bool | None]:
        return index, self._rows[index], self._bidirectional


@dataclass(frozen=True)
class Collator:
    """Make a batch of rows; its kind and its masks hang on the seed and its first row, so a resumed run repeats them.

    masking (Optional[Masking]): How pieces are masked; not needed where none are.
    masked_share (float): Share of the batches that are masked.
    seed (int): Of the choice.
    """

    masking: Masking | None
    masked_share: float
    seed: int

    def __call__(self, items: Sequence[tuple[int, Any, bool | None]]) -> dict[str, Any]:
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + items[0][0])
        ids = torch.stack([torch.from_numpy(row.astype("int64")) for _, row, _ in items])
        kind = items[0][2]
        masked = bool(torch.rand((), generator=generator) < self.masked_share) if kind is None else kind
        changed, labels = self.masking(ids, generator) if masked and self.masking else (ids, ids)
        return {"ids": changed, "labels": labels, "bidirectional": masked}


class _Progress(TrainerCallback):
    """Hand each logged record on, with pieces, speed and an estimate of the time left."""

    def __init__(self, pieces_per_step: int, report: Callable[[dict[str, Any]], None]) -> None:
        self._pieces_per_step = pieces_per_step
        self._report = report
        self._begin = (time.monotonic(), 0)

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._begin = (time.monotonic(), state.global_step)

    def on_log(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        logs = kwargs["logs"]
        kept = {
            "loss": logs.get("loss"),
            "learn_rate": logs.get("learning_rate"),
            "validation_loss": logs.get("eval_causal_loss"),
            "validation_loss_masked": logs.get("eval_masked_loss"),
        }
        kept = {name: value for name, value in kept.items() if value is not None}
        if not kept:
            return
        since, first = self._begin
        steps, seconds = state.global_step - first, time.monotonic() - since
        self._report(
            {
                "step": state.global_step,
                "steps": state.max_steps,
                "pieces": state.global_step * self._pieces_per_step,
                **kept,
                "pieces_per_second": steps * self._pieces_per_step / seconds if seconds else 0.0,
                "seconds_left": (state.max_steps - state.global_step) * seconds / steps if steps else None,
            }
        )


def train(
    network: NextPieceLoss,
    rows: tuple[NDArray, NDArray],
    masking: Masking | None,
    schedule: Schedule,
    *,
    folder: Path,
    use_cpu: bool,
    report: Callable[[dict[str, Any]], None],
    steps_between_reports: int = 50,
) -> dict[str, float]:
    """Train, from the last whole checkpoint if there is one.

    network (NextPieceLoss): Float32; changed in place. Computation is autocast to bfloat16.
    rows (Tuple[NDArray, NDArray]): Training and validation pieces, shape (N, P).
    masking (Optional[Masking]): For masked batches.
    schedule (Schedule): How long and how fast.
    folder (Path): Where checkpoints are kept: the last two.
    use_cpu (bool): Not to use a GPU that is there.
    report (Callable): Takes a record of progress: step, loss, pieces a second, seconds left; or validation losses.
    steps_between_reports (int): How often.
    RETURNS (Dict[str, float]): "validation_loss" in nats a piece and, where batches are masked,
        "validation_loss_masked", the mean over batches; "steps" and "pieces" of the whole run, "seconds" of this call.
    """
    train_rows, validation_rows = rows
    validation = {"causal": _Rows(validation_rows, False)}
    if schedule.masked_share:
        validation["masked"] = _Rows(validation_rows, True)
    trainer = Trainer(
        model=network,
        args=_arguments(schedule, len(train_rows), folder, use_cpu, steps_between_reports),
        data_collator=Collator(masking, schedule.masked_share, schedule.seed),
        train_dataset=_Rows(train_rows),
        eval_dataset=validation,
        callbacks=[_Progress(schedule.batch_rows * train_rows.shape[1], report)],
    )
    trainer.remove_callback(PrinterCallback)
    begin = time.monotonic()
    checkpoint = last_checkpoint(folder)
    finished = checkpoint is not None and checkpoint.name == f"checkpoint-{trainer.args.max_steps}"
    with warnings.catch_warnings():
        # transformers 4.53 asks for bfloat16 on a CPU by a name that torch has given up.
        warnings.filterwarnings("ignore", message=r".*torch\.cpu\.amp\.autocast", category=FutureWarning)
        if checkpoint is not None and finished:  # the Trainer would make one step more
            network.load_state_dict(load_file(checkpoint / "model.safetensors"))
        else:
            trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
        losses = trainer.evaluate()
    result = {"validation_loss": losses["eval_causal_loss"]}
    if schedule.masked_share:
        result["validation_loss_masked"] = losses["eval_masked_loss"]
    pieces = schedule.rows_read(len(train_rows)) * train_rows.shape[1]
    return {**result, "steps": trainer.args.max_steps, "pieces": pieces, "seconds": time.monotonic() - begin}


def last_checkpoint(folder: Path) -> Path | None:
    """Find the last checkpoint that is whole.

    folder (Path): Holds checkpoint-STEP folders. The Trainer writes trainer_state.json last: a kill in the middle
        leaves a folder without it, or with half of it.
    RETURNS (Optional[Path]): None if there is none.
    """

    def is_whole(path: Path) -> bool:
        try:
            return bool(json.loads((path / "trainer_state.json").read_text()))
        except (OSError, ValueError):
            return False

    steps = {int(path.name.rpartition("-")[2]): path for path in folder.glob("checkpoint-*")}
    return next((steps[step] for step in sorted(steps, reverse=True) if is_whole(steps[step])), None)


def _arguments(
    schedule: Schedule, rows: int, folder: Path, use_cpu: bool, steps_between_reports: int
) -> TrainingArguments:
    arguments = TrainingArguments(
        output_dir=str(folder),
        max_steps=schedule.steps(rows),
        per_device_train_batch_size=schedule.batch_rows,
        per_device_eval_batch_size=schedule.batch_rows,
        learning_rate=schedule.learn_rate,
        lr_scheduler_type="cosine_with_min_lr",
        lr_scheduler_kwargs={"min_lr_rate": 0.05},
        warmup_steps=schedule.warmup(rows),
        weight_decay=schedule.weight_decay,
        adam_beta1=0.9,
        adam_beta2=0.95,
        max_grad_norm=1.0,
        optim="adamw_torch_fused",
        bf16=True,
        use_cpu=use_cpu,
        seed=schedule.seed,
        eval_strategy="steps",
        eval_steps=schedule.steps_between_saves,
        save_strategy="steps",
        save_steps=schedule.steps_between_saves,
        save_total_limit=2,
        logging_steps=steps_between_reports,
        prediction_loss_only=True,
        remove_unused_columns=False,
        disable_tqdm=True,
        report_to=[],
    )
    arguments._n_gpu = min(arguments.n_gpu, 1)  # else the Trainer splits a batch over all GPUs it sees
    return arguments
