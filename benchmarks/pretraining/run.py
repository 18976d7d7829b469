"""Measure what pretraining is worth, and choose the recipe of `configs/mini.cfg`, by dev F1.

    python benchmarks/pretraining/run.py OUTPUT.json [--conll FOLDER] [--group worth] [--group recipe] [--group choices]

Every cell is one `spacy train configs/mini.cfg` with the overrides that the results name. Cells that OUTPUT.json
already holds with the same settings are not trained again. Times of cells that ran side by side (`--jobs`) say little.
"""

import json
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Annotated, Any

import torch
import typer
from spacy.util import load_config
from thinc.api import Config
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer
from wasabi import msg

from spacy_llama_ner.cli.convert import Split, Unit, convert_cli
from spacy_llama_ner.comparison.schedule import linear_schedule
from spacy_llama_ner.comparison.training import digest_training, train
from spacy_llama_ner.evaluation.examples import read_gold
from spacy_llama_ner.replacement import write_whole

CONFIG = Path("configs/mini.cfg")
MINI, CONLL = "mini-news", "CoNLL-2003"
BATCH = 16
ATTENTION, MLP = ["q_proj", "k_proj", "v_proj", "o_proj"], ["gate_proj", "up_proj", "down_proj"]
MODEL = "components.llama_crf_ner.model."
ALL_WEIGHTS = {f"{MODEL}peft": None, f"{MODEL}freeze_backbone": False, f"{MODEL}head_learn_rate_scale": 4.0}
# Learning rate and epochs by what is trained and corpus.
SCHEDULES = {
    ("lora", MINI): (2e-3, 6),
    ("lora", CONLL): (1e-3, 4),
    ("all", MINI): (8e-4, 6),
    ("all", CONLL): (6e-4, 4),
}


@dataclass(frozen=True)
class Cell:
    """One training.

    group, name (str): Where it stands in the results.
    corpus (str): MINI or CONLL.
    trained (str): "lora" or "all".
    random (bool): Random weights of the backbone's shape in place of its own.
    seed (int): Of the training.
    changes (Tuple): Further overrides, pairs of key and value.
    rate, epochs (Optional): In place of those of SCHEDULES.
    unit (str): "sentence" or "article".
    """

    group: str
    name: str
    corpus: str
    trained: str = "lora"
    random: bool = False
    seed: int = 0
    changes: tuple[tuple[str, Any], ...] = ()
    rate: float | None = None
    epochs: int | None = None
    unit: str = "sentence"

    @property
    def key(self) -> str:
        return f"{self.group}/{self.corpus}/{self.name}/{self.seed}"


def worth(corpus: str, seed: int) -> Iterator[Cell]:
    """YIELDS (Cell): Adapters on pretrained and on random weights, and all weights; causal and bidirectional."""
    for attention in ("bidirectional", "causal"):
        changes = ((f"{MODEL}attention", attention),)
        for name, trained, random in (
            ("pretrained, frozen + LoRA", "lora", False),
            ("random, frozen + LoRA", "lora", True),
            ("pretrained, all weights", "all", False),
        ):
            yield Cell("worth", f"{name}, {attention}", corpus, trained, random, seed, changes)
    if corpus == CONLL:  # on mini-news it is one of the recipes
        every_layer = ((f"{MODEL}lora_target_modules", [*ATTENTION, *MLP]),)
        name = "pretrained, frozen + LoRA in all linear layers, bidirectional"
        yield Cell("worth", name, corpus, seed=seed, changes=every_layer)


def recipe(seed: int) -> Iterator[Cell]:
    """YIELDS (Cell): One change at a time to the recipe of mini.cfg, on mini-news."""
    variants: dict[str, dict[str, Any]] = {
        "as in SCHEDULES": {},
        "rank 8": {"changes": ((f"{MODEL}lora_rank", 8), (f"{MODEL}lora_alpha", 16))},
        "rank 32": {"changes": ((f"{MODEL}lora_rank", 32), (f"{MODEL}lora_alpha", 64))},
        "LoRA in all linear layers": {"changes": ((f"{MODEL}lora_target_modules", [*ATTENTION, *MLP]),)},
        "learning rate 1e-3": {"rate": 1e-3},
        "learning rate 4e-3": {"rate": 4e-3},
        "3 epochs": {"epochs": 3},
        "10 epochs": {"epochs": 10},
        "pooling first": {"changes": ((f"{MODEL}pooling", "first"),)},
        "pooling mean": {"changes": ((f"{MODEL}pooling", "mean"),)},
        "articles": {"unit": "article"},
        "all weights": {"trained": "all"},
        "all weights, learning rate 4e-4": {"trained": "all", "rate": 4e-4},
    }
    for name, options in variants.items():
        yield Cell("recipe", name, MINI, seed=seed, **options)


def choices(seed: int) -> Iterator[Cell]:
    """YIELDS (Cell): One change at a time to LoRA in all linear layers: what the recipe of a larger backbone asks."""
    base = {f"{MODEL}lora_target_modules": [*ATTENTION, *MLP]}
    no_adapters = {
        f"{MODEL}peft": None,
        f"{MODEL}unfreeze_layers": 2,
        f"{MODEL}backbone_learn_rate_scale": 0.5,
    }
    variants: dict[str, dict[str, Any]] = {
        "LoRA in all linear layers": {},
        "rank 8": {f"{MODEL}lora_rank": 8, f"{MODEL}lora_alpha": 16},
        "rank 32": {f"{MODEL}lora_rank": 32, f"{MODEL}lora_alpha": 64},
        "rsLoRA, alpha 8": {f"{MODEL}use_rslora": True, f"{MODEL}lora_alpha": 8},
        "DoRA": {f"{MODEL}use_dora": True},
        "bidirectional in the last three layers": {f"{MODEL}attention": "bidirectional[-3:]"},
        "bidirectional in the first three layers": {f"{MODEL}attention": "bidirectional[:3]"},
        "the first four layers only": {f"{MODEL}layers": 4},
        "the last two layers unfrozen, too": {
            f"{MODEL}unfreeze_layers": 2,
            f"{MODEL}backbone_learn_rate_scale": 0.25,
        },
        "the last two layers unfrozen, no LoRA": no_adapters,
        "head and CRF at four times the rate": {f"{MODEL}head_learn_rate_scale": 4.0},
    }
    for name, changes in variants.items():
        yield Cell("choices", name, MINI, seed=seed, changes=tuple((base | changes).items()))
    yield Cell("choices", "articles", MINI, seed=seed, changes=tuple(base.items()), unit="article")


def main(
    output: Annotated[Path, typer.Argument(help="JSON file for the results; what it holds is kept")],
    conll: Annotated[
        Path | None, typer.Option(help="Folder of CoNLL-2003 files with train.* and dev.*")
    ] = None,
    group: Annotated[list[str], typer.Option(help="worth, recipe or choices; may be repeated")] = ["worth"],  # noqa: B006
    seed: Annotated[list[int], typer.Option(help="Seed of the trainings; may be given several times")] = [0],  # noqa: B006
    only: Annotated[
        list[str] | None, typer.Option(help="Train only cells whose key has this text; may be given twice")
    ] = None,
    jobs: Annotated[
        int, typer.Option(help="Trainings side by side, with one thread each if more than one")
    ] = 1,
    backbone: Annotated[Path, typer.Option(help="Folder of the backbone")] = Path("assets/llama-mini"),
    mini: Annotated[Path, typer.Option(help="Folder of mini-news")] = Path("assets/mini-news"),
    work: Annotated[Path, typer.Option(help="Folder for corpora and pipelines")] = Path(
        "training/pretraining"
    ),
) -> None:
    """Train the cells that are missing and show all."""
    cells = [cell for number in seed for cell in _cells(group, number, conll)]
    cells = [cell for cell in cells if not only or any(text in cell.key for text in only)]
    sources = {MINI: mini, CONLL: conll}
    corpora = {
        (cell.corpus, cell.unit): _convert(sources[cell.corpus], work, cell.corpus, cell.unit)
        for cell in cells
    }
    random = _random_backbone(backbone, work / "random")
    results = json.loads(output.read_text(encoding="utf8")) if output.is_file() else {}
    todo, failed = [], []
    for cell in cells:
        overrides = _overrides(cell, random if cell.random else backbone, corpora[cell.corpus, cell.unit])
        inputs = _digest(overrides, random if cell.random else backbone, corpora[cell.corpus, cell.unit])
        found = results.get(cell.key, {})
        if (found.get("overrides"), found.get("inputs")) != (overrides, inputs):
            todo.append((cell, overrides, inputs))
    with ThreadPoolExecutor(jobs) as pool:
        futures = {pool.submit(_train, *job, work, jobs): job[0].key for job in todo}
        for future in as_completed(futures):
            if error := future.exception():
                failed.append(str(error))
                continue
            results[futures[future]] = future.result()
            output.parent.mkdir(parents=True, exist_ok=True)
            write_whole(output, (json.dumps(results, indent=1, sort_keys=True) + "\n").encode())
            print(f"{futures[future]}: dev F1 {100 * future.result()['f1']:.2f}", flush=True)
    show(results)
    if failed:
        msg.fail("Failed", "\n".join(failed), exits=1)


def show(results: dict[str, Any]) -> None:
    """Print one line a cell, the seeds' mean: the largest dev F1 of a training's evaluations, in percent."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for key in sorted(results):
        groups.setdefault(key.rpartition("/")[0], []).append(results[key])
    rows = [
        (name, f"{100 * mean(r['f1'] for r in found):.1f}", ", ".join(f"{100 * r['f1']:.1f}" for r in found))
        for name, found in groups.items()
    ]
    msg.table(rows, header=("", "dev F1", "seeds"), aligns=("l", "r", "l"), divider=True)


def _cells(groups: list[str], seed: int, conll: Path | None) -> Iterator[Cell]:
    if unknown := set(groups) - {"worth", "recipe", "choices"}:
        msg.fail(f"No group {', '.join(unknown)}. Expected worth, recipe or choices", exits=1)
    if "worth" in groups:
        for corpus in (MINI, CONLL) if conll else (MINI,):
            yield from worth(corpus, seed)
    if "recipe" in groups:
        yield from recipe(seed)
    if "choices" in groups:
        yield from choices(seed)


def _convert(source: Path | None, work: Path, corpus: str, unit: str) -> dict[str, Path]:
    """RETURNS (Dict[str, Path]): train and dev; dev is always of sentences or articles as train is."""
    paths = {split: work / corpus / f"{split}-{unit}.spacy" for split in ("train", "dev")}
    for split, path in paths.items():
        convert_cli(str(source), path, unit=Unit(unit), split=Split(split))
    return paths


def _random_backbone(backbone: Path, folder: Path) -> Path:
    """RETURNS (Path): A folder like the backbone's, with weights drawn with seed 0."""
    torch.manual_seed(0)
    AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(backbone)).save_pretrained(folder)
    AutoTokenizer.from_pretrained(backbone).save_pretrained(folder)
    return folder


def _overrides(cell: Cell, backbone: Path, corpora: dict[str, Path]) -> dict[str, Any]:
    import spacy

    rate, epochs = SCHEDULES[cell.trained, cell.corpus]
    docs = len(read_gold(corpora["train"], spacy.blank("en").vocab))
    return {
        **(ALL_WEIGHTS if cell.trained == "all" else {}),
        f"{MODEL}backbone.name": str(backbone),
        f"{MODEL}lora_target_modules": ATTENTION,
        **dict(cell.changes),
        "paths.train": str(corpora["train"]),
        "paths.dev": str(corpora["dev"]),
        "system.seed": cell.seed,
        **linear_schedule(
            docs,
            batch=BATCH if cell.unit == "sentence" else 1,  # an article is about a batch of sentences
            epochs=cell.epochs or epochs,
            rate=cell.rate or rate,
            warmup=15,
        ),
    }


def _config(overrides: dict[str, Any]) -> Config:
    return load_config(CONFIG, overrides=overrides, interpolate=False)


def _digest(overrides: dict[str, Any], backbone: Path, corpora: dict[str, Path]) -> str:
    """RETURNS (str): A digest of the config with its overrides, of the corpora and of the backbone's files."""
    paths = [*corpora.values(), *sorted(backbone.glob("*.safetensors")), backbone / "tokenizer.json"]
    return digest_training(_config(overrides), paths)


def _train(cell: Cell, overrides: dict[str, Any], inputs: str, work: Path, jobs: int) -> dict[str, Any]:
    folder = work / "runs" / cell.key.replace("/", "-").replace(" ", "_").replace(",", "")
    shutil.rmtree(folder, ignore_errors=True)
    result = train(_config(overrides), folder, one_thread=jobs > 1)
    return {"f1": result.pop("score"), **result, "overrides": overrides, "inputs": inputs}


if __name__ == "__main__":
    typer.run(main)
