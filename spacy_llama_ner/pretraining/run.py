"""From text to a finished folder: the steps of `pretrain`, each of which a second call can go on from."""

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from transformers import LlamaForCausalLM, set_seed
from transformers.tokenization_utils_fast import PreTrainedTokenizerFast

from spacy_llama_ner.network.backbone import load_tokenizer
from spacy_llama_ner.pretraining.card import check_about, format_card
from spacy_llama_ner.pretraining.model import load_llama, new_llama
from spacy_llama_ner.pretraining.objective import Masking, NextPieceLoss
from spacy_llama_ner.pretraining.once import digest_files, make_once
from spacy_llama_ner.pretraining.packing import pack
from spacy_llama_ner.pretraining.settings import Settings
from spacy_llama_ner.pretraining.text import check_files, read_texts
from spacy_llama_ner.pretraining.tokenizer import add_mask, train_tokenizer
from spacy_llama_ner.pretraining.training import train
from spacy_llama_ner.replacement import replace_folder, write_whole

FACTS = "pretraining.json"


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
    resume (bool): Go on with the run that is there; one that has ended writes `model` anew.
    use_cpu (bool): Not to use a GPU that is there.
    command (str): For the model card.
    about (Dict): For the model card, see `card.format_card`.
    max_shard_size (str): Of a weights file, such as "15MB".
    report (Callable): Takes records of progress, see `training.train`; also {"stage": text}.
    RETURNS (Dict): What `model/pretraining.json` says.
    RAISES (ValueError): If there is a run and it is not to be resumed, or was begun with other settings or texts, or a
        setting or a text is wrong.
    """
    check_about(about)
    if not re.fullmatch(r"[0-9]+(\.[0-9]+)?[KMG]I?B", max_shard_size.upper()):
        raise ValueError(f"max_shard_size is {max_shard_size!r}; expected a size such as 15MB")
    model_folder, run = output / "model", output / "run"
    if model_folder.exists() and not (model_folder / FACTS).is_file():
        raise ValueError(
            f"{model_folder} was not written by `pretrain` and would be replaced. Choose another output"
        )
    paths = [Path(path) for path in settings.texts]
    check_files(paths)
    wanted = json.loads(json.dumps({**asdict(settings), "digests": digest_files(paths)}))
    _check_run(run, wanted, resume)
    set_seed(settings.schedule.seed)
    report({"stage": "Tokenizer"})
    tokenizer = _tokenizer(settings, run, wanted["digests"])
    report({"stage": "Packing text"})
    rows = _rows(settings, run, tokenizer, wanted["digests"])
    if settings.shape is not None:
        model = new_llama(settings.shape, tokenizer)
    else:
        model = load_llama(Path(str(settings.init_from)), tokenizer, row_length=settings.row_length)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    report({"stage": f"Training {parameters:,} parameters on {rows[0].size:,} pieces"})
    write_whole(run / "settings.json", (json.dumps(wanted, indent=2) + "\n").encode())

    def keep(record: dict[str, Any]) -> None:
        with (run / "log.jsonl").open("a", encoding="utf-8") as log:
            log.write(json.dumps(record) + "\n")
        report(record)

    masked = settings.schedule.masked_share > 0
    result = train(
        NextPieceLoss(model.model),
        rows,
        Masking(mask=tokenizer.mask_token_id, vocab_size=len(tokenizer)) if masked else None,
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
        "warmup_steps": settings.schedule.warmup(len(rows[0])),
        **result,
    }
    _save(model, tokenizer, model_folder, facts, about, max_shard_size)
    return facts


def _check_run(run: Path, wanted: dict[str, Any], resume: bool) -> None:
    """RAISES (ValueError): If a training was begun there that is not to be resumed, or has other settings or texts."""
    path = run / "settings.json"
    if not path.is_file():
        return
    if not resume:
        raise ValueError(f"{run} holds a run already. Add --resume to go on with it, or remove the folder")
    begun = json.loads(path.read_text(encoding="utf-8"))
    different = [name for name in wanted if begun.get(name) != wanted[name]]
    if different == ["digests"]:
        raise ValueError(f"{run} was begun with texts of other content. Give the same, or begin elsewhere")
    if different:
        names = [name for name in different if name != "digests"]
        changes = ", ".join(f"{name} was {begun.get(name)!r}, is {wanted[name]!r}" for name in names)
        raise ValueError(f"{run} was begun with other settings: {changes}. Give the same, or begin elsewhere")


def _tokenizer(settings: Settings, run: Path, digests: list[str]) -> PreTrainedTokenizerFast:
    masked = settings.schedule.masked_share > 0

    def make(folder: Path) -> None:
        if settings.shape is not None:
            texts = read_texts([Path(path) for path in settings.texts])
            length = settings.shape.max_position_embeddings
            tokenizer = train_tokenizer(texts, vocab_size=settings.shape.vocab_size, max_length=length)
        else:
            tokenizer = _own_tokenizer(str(settings.init_from))
            if masked:
                add_mask(tokenizer)
        tokenizer.save_pretrained(folder)

    shape = settings.shape and asdict(settings.shape)
    key = {"init_from": settings.init_from, "shape": shape, "masked": masked, "digests": digests}
    return load_tokenizer(str(make_once(run / "tokenizer", key, make)))


def _own_tokenizer(folder: str) -> PreTrainedTokenizerFast:
    if not Path(folder).is_dir():
        raise ValueError(f"{folder}: no such folder. Expected a Hugging Face folder to train on")
    tokenizer = load_tokenizer(folder)
    if tokenizer.bos_token_id is None or tokenizer.eos_token_id is None:
        raise ValueError(f"the tokenizer of {folder} has no begin or no end piece; expected both")
    return tokenizer


def _rows(
    settings: Settings, run: Path, tokenizer: PreTrainedTokenizerFast, digests: list[str]
) -> tuple[NDArray, NDArray]:
    """RETURNS (Tuple[NDArray, NDArray]): Training and validation rows, memory-mapped."""

    def make(folder: Path) -> None:
        texts = read_texts([Path(path) for path in settings.texts])
        share = settings.validation_share
        train_rows, validation = pack(texts, tokenizer, length=settings.row_length, validation_share=share)
        np.save(folder / "train.npy", train_rows)
        np.save(folder / "validation.npy", validation)

    key = {
        "length": settings.row_length,
        "validation_share": settings.validation_share,
        "tokenizer": digest_files([run / "tokenizer" / "tokenizer.json"]),
        "digests": digests,
    }
    folder = make_once(run / "packed", key, make)
    return np.load(folder / "train.npy", mmap_mode="r"), np.load(folder / "validation.npy", mmap_mode="r")


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
    (draft / FACTS).write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    (draft / "README.md").write_text(format_card(model.config, facts, about), encoding="utf-8")
    replace_folder(draft, folder)
