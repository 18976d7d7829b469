"""From text to a finished folder: the steps of `pretrain`, each of which a second call can go on from."""

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import AutoTokenizer, LlamaForCausalLM, set_seed
from transformers.tokenization_utils_fast import PreTrainedTokenizerFast

from spacy_llama_ner.pretraining.card import format_card
from spacy_llama_ner.pretraining.model import Shape, load_llama, new_llama
from spacy_llama_ner.pretraining.objective import Masking, NextPieceLoss
from spacy_llama_ner.pretraining.packing import pack, pack_once
from spacy_llama_ner.pretraining.text import read_texts
from spacy_llama_ner.pretraining.tokenizer import add_mask, train_tokenizer
from spacy_llama_ner.pretraining.training import Schedule, last_checkpoint, train
from spacy_llama_ner.replacement import replace_folder, write_whole


@dataclass(frozen=True)
class Settings:
    """All that a run depends on.

    texts (Tuple[str, ...]): JSON-lines files.
    init_from (Optional[str]): A folder with a Llama to train on, with its tokenizer; None to begin anew.
    vocab_size (int): Pieces of a new tokenizer.
    shape (Shape): Of a new Llama.
    row_length (int): Pieces of a training row.
    validation_share (float): Share of the documents kept for validation.
    schedule (Schedule): How long and how fast.
    """

    texts: tuple[str, ...]
    init_from: str | None = None
    vocab_size: int = 8192
    shape: Shape = field(default_factory=Shape)
    row_length: int = 256
    validation_share: float = 0.005
    schedule: Schedule = field(default_factory=Schedule)

    def __post_init__(self) -> None:
        if self.row_length < 2:
            raise ValueError(f"row_length is {self.row_length}; expected at least 2 pieces")
        if not 0 < self.validation_share < 1:
            raise ValueError(f"validation_share is {self.validation_share}; expected a share between 0 and 1")
        if self.init_from is None and self.row_length > self.shape.max_position_embeddings:
            raise ValueError(
                f"row_length {self.row_length} is more than max_position_embeddings "
                f"{self.shape.max_position_embeddings}; make rows shorter"
            )


def pretrain(
    settings: Settings,
    output: Path,
    *,
    resume: bool,
    use_cpu: bool,
    command: str,
    about: dict[str, Any],
    max_shard_size: str,
    report: Callable[[dict[str, Any]], None],
) -> dict[str, Any]:
    """Make a pretrained Llama.

    settings (Settings): What the run depends on.
    output (Path): Gets `model`, the finished Hugging Face folder, and `run`: tokenizer, packed text, checkpoints
        and log.jsonl.
    resume (bool): Go on with the run that is there.
    use_cpu (bool): Not to use a GPU that is there.
    command (str): For the model card.
    about (Dict): For the model card, see `card.format_card`.
    max_shard_size (str): Of a weights file, such as "15MB".
    report (Callable): Takes records of progress, see `training.train`; also {"stage": text}.
    RETURNS (Dict): What `model/pretraining.json` says.
    RAISES (ValueError): If there is a run and it is not to be resumed, or was begun with other settings, or a setting
        or a text is wrong.
    """
    run = output / "run"
    _begin(run, settings, resume)
    set_seed(settings.schedule.seed)
    report({"stage": "Tokenizer"})
    tokenizer = _tokenizer(settings, run)
    report({"stage": "Packing text"})
    rows = pack_once(run / "packed", _key(settings), lambda: _pack(settings, tokenizer))
    model = _model(settings, tokenizer)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    report({"stage": f"Training {parameters:,} parameters on {rows[0].size:,} pieces"})
    masking = Masking(mask=tokenizer.mask_token_id, vocab_size=len(tokenizer))

    def keep(record: dict[str, Any]) -> None:
        with (run / "log.jsonl").open("a", encoding="utf-8") as log:
            log.write(json.dumps(record) + "\n")
        report(record)

    result = train(
        NextPieceLoss(model.model),
        rows,
        masking,
        settings.schedule,
        folder=run / "checkpoints",
        use_cpu=use_cpu,
        report=keep,
    )
    facts = {
        "command": command,
        "settings": asdict(settings),
        "parameters": parameters,
        "pieces_in_text": {"train": rows[0].size, "validation": rows[1].size},
        **result,
    }
    _save(model, tokenizer, output / "model", facts, about, max_shard_size)
    return facts


def _begin(run: Path, settings: Settings, resume: bool) -> None:
    """Keep the settings of a new run; compare those of one that is to be resumed. One without a checkpoint is new."""
    path = run / "settings.json"
    wanted = json.loads(json.dumps(asdict(settings)))
    if path.is_file() and last_checkpoint(run / "checkpoints") is None:
        shutil.rmtree(run)
    if path.is_file():
        if not resume:
            raise ValueError(
                f"{run} holds a run already. Add --resume to go on with it, or remove the folder"
            )
        begun = json.loads(path.read_text())
        different = [name for name in wanted if begun.get(name) != wanted[name]]
        if different:
            changes = ", ".join(f"{name} was {begun.get(name)!r}, is {wanted[name]!r}" for name in different)
            raise ValueError(
                f"{run} was begun with other settings: {changes}. Give the same, or begin elsewhere"
            )
        return
    run.mkdir(parents=True, exist_ok=True)
    write_whole(path, (json.dumps(wanted, indent=2) + "\n").encode())


def _tokenizer(settings: Settings, run: Path) -> PreTrainedTokenizerFast:
    folder = run / "tokenizer"
    if folder.is_dir():
        return AutoTokenizer.from_pretrained(folder)
    if settings.init_from is None:
        texts = read_texts([Path(path) for path in settings.texts])
        length = settings.shape.max_position_embeddings
        tokenizer = train_tokenizer(texts, vocab_size=settings.vocab_size, max_length=length)
    else:
        if not Path(settings.init_from).is_dir():
            raise ValueError(
                f"{settings.init_from}: no such folder. Expected a Hugging Face folder to train on"
            )
        tokenizer = AutoTokenizer.from_pretrained(settings.init_from)
        add_mask(tokenizer)
    draft = run / ".tokenizer-draft"
    tokenizer.save_pretrained(draft)
    replace_folder(draft, folder)
    return AutoTokenizer.from_pretrained(folder)


def _key(settings: Settings) -> dict[str, object]:
    sizes = {path: Path(path).stat().st_size if Path(path).is_file() else None for path in settings.texts}
    return {"sizes": sizes, "length": settings.row_length, "validation_share": settings.validation_share}


def _pack(settings: Settings, tokenizer: PreTrainedTokenizerFast) -> tuple:
    texts = read_texts([Path(path) for path in settings.texts])
    return pack(texts, tokenizer, length=settings.row_length, validation_share=settings.validation_share)


def _model(settings: Settings, tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    if settings.init_from is None:
        return new_llama(settings.shape, tokenizer)
    return load_llama(Path(settings.init_from), tokenizer)


def _save(
    model: LlamaForCausalLM,
    tokenizer: PreTrainedTokenizerFast,
    folder: Path,
    facts: dict[str, Any],
    about: dict[str, Any],
    max_shard_size: str,
) -> None:
    draft = folder.with_name(f".{folder.name}-draft")
    shutil.rmtree(draft, ignore_errors=True)
    nn.Module.to(model, device="cpu", dtype=torch.bfloat16)
    model.save_pretrained(draft, max_shard_size=max_shard_size, safe_serialization=True)
    tokenizer.save_pretrained(draft)
    (draft / "pretraining.json").write_text(json.dumps(facts, indent=2) + "\n")
    (draft / "README.md").write_text(format_card(model.config, facts, about))
    replace_folder(draft, folder)
