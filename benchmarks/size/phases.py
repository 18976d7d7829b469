"""The two phases of the measurement, each a process of its own: `run.py` starts them and reads their reports.

    python benchmarks/size/phases.py train BACKBONE WORK    load, train, save
    python benchmarks/size/phases.py load BACKBONE WORK     load back, predict, compare

WORK/pipeline is the pipeline, WORK/reference what it held and predicted before it was saved, WORK/train.json and
WORK/load.json the reports.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import spacy
import torch
from safetensors.torch import load_file, save_file
from spacy.language import Language
from spacy.training import Example
from spacy.util import fix_random_seed, load_config

import spacy_llama_ner.network.network  # noqa: F401  # all libraries are loaded before anything is measured
from spacy_llama_ner.benchmark import memory
from spacy_llama_ner.network.backbone import load_tokenizer

PIPE = "llama_crf_ner"
RECIPE = Path(__file__).parents[2] / "configs" / "llama-3.2-1b.cfg"
STEPS = 3
BATCH = 2
PIECES = 64  # of a text, <|begin_of_text|> included

NAMES = [("Ilse Vandermeer", "PER"), ("Northgate Steel", "ORG"), ("Lisbon", "LOC"), ("Danish", "MISC")]
SENTENCE = "Ilse Vandermeer of Northgate Steel flew to Lisbon for talks with a Danish rival."
TEXTS = [
    SENTENCE,
    f"On Monday it rained. {SENTENCE} Nobody knew why.",
    " ".join([SENTENCE] * 9),  # two windows
    "",
]


def train(backbone: Path, work: Path) -> dict[str, Any]:
    """Make a pipeline on a backbone, train a few steps, save it.

    backbone (Path): A Hugging Face folder.
    work (Path): Where pipeline and reference go.
    RETURNS (dict): What was measured, in seconds and bytes, and what happened.
    """
    fix_random_seed(0)
    nlp = spacy.blank("en")
    examples = make_examples(nlp, backbone)
    before = memory.read("VmRSS")  # the libraries and little else
    nlp.add_pipe(PIPE, config=recipe(backbone))
    start = time.perf_counter()
    optimizer = nlp.initialize(lambda: examples)
    load_seconds = time.perf_counter() - start
    load_peak = memory.read("VmHWM")

    network = nlp.get_pipe(PIPE).shim.network
    seen: list[tuple[int, ...]] = []
    network.trunk.get_input_embeddings().register_forward_pre_hook(
        lambda _, inputs: seen.append(tuple(inputs[0].shape))
    )
    untrained = {name: weight.clone() for name, weight in trained_weights(nlp).items()}
    steps = []
    for _ in range(STEPS):
        start = time.perf_counter()
        nlp.update(examples, sgd=optimizer, drop=0.1)
        seconds = time.perf_counter() - start
        last = nlp.get_pipe(PIPE).last_step
        steps.append({"seconds": seconds, "loss": last["loss"], "grad_norm": last["grad_norm"]})
    batches = list(seen)
    train_peak = memory.read("VmHWM")

    entities, emissions = predict(nlp)
    start = time.perf_counter()
    nlp.to_disk(work / "pipeline")
    save_seconds = time.perf_counter() - start
    peak = memory.read("VmHWM")

    weights = trained_weights(nlp)
    keep_reference(work / "reference", weights, entities, emissions)
    adapters = [name for name in weights if "lora_" in name]
    changed = [name for name in adapters if not torch.equal(weights[name], untrained[name])]
    return {
        "parameters": sum(
            weight.numel() for weight in network.trunk.parameters() if not weight.requires_grad
        ),
        "weight_bytes": sum(
            weight.nbytes for weight in network.trunk.parameters() if not weight.requires_grad
        ),
        "trained_parameters": sum(weight.numel() for weight in weights.values()),
        "memory_before": before,
        "load_seconds": load_seconds,
        "load_peak": load_peak,
        "batches": batches,
        "steps": steps,
        "train_peak": train_peak,
        "adapters": len(adapters),
        "adapters_changed": len(changed),
        "save_seconds": save_seconds,
        "saved_bytes": sum(path.stat().st_size for path in (work / "pipeline").rglob("*") if path.is_file()),
        "peak": peak,
    }


def load(backbone: Path, work: Path) -> dict[str, Any]:
    """Load the pipeline back, predict, and compare with what it held and predicted before.

    backbone (Path): The same folder as in `train`; the pipeline remembers it.
    work (Path): The same as in `train`.
    RETURNS (dict): What was measured, in seconds and bytes, and what is equal.
    """
    before = memory.read("VmRSS")  # the libraries and little else
    start = time.perf_counter()
    nlp = spacy.load(work / "pipeline")
    load_seconds = time.perf_counter() - start
    load_peak = memory.read("VmHWM")
    start = time.perf_counter()
    entities, emissions = predict(nlp)
    predict_seconds = time.perf_counter() - start
    peak = memory.read("VmHWM")

    weights = trained_weights(nlp)
    expected_weights, expected_entities, expected_emissions = read_reference(work / "reference")
    return {
        "memory_before": before,
        "load_seconds": load_seconds,
        "load_peak": load_peak,
        "predict_seconds": predict_seconds,
        "peak": peak,
        "words": len(emissions),
        "emission_difference": float(np.abs(emissions - expected_emissions).max()),
        "entities": sum(map(len, entities)),
        "entities_equal": entities == expected_entities,
        "weights": len(expected_weights),
        "weights_equal": sum(
            name in weights and torch.equal(weights[name], weight)
            for name, weight in expected_weights.items()
        ),
    }


def recipe(backbone: Path) -> dict[str, Any]:
    """RETURNS (dict): The component's config in the profile llama-3.2-1b, with another backbone folder."""
    config = load_config(RECIPE)["components"][PIPE]
    del config["factory"]
    config["model"]["backbone"]["name"] = str(backbone.resolve())
    return config


def make_examples(nlp: Language, backbone: Path) -> list[Example]:
    """RETURNS (List[Example]): `BATCH` texts, each of exactly `PIECES` pieces for this backbone's tokenizer."""
    encode = load_tokenizer(str(backbone)).backend_tokenizer.encode
    examples = []
    for number in range(BATCH):
        words = ("It rained. " * number + " ".join([SENTENCE] * PIECES)).split()
        while len(encode(" ".join(words)).ids) > PIECES:
            words.pop()
        while len(encode(" ".join(words)).ids) < PIECES:
            words.append("the")  # one piece
        text = " ".join(words)
        entities = [
            (start, start + len(name), label)
            for name, label in NAMES
            for start in range(len(text))
            if text.startswith(name, start)
        ]
        examples.append(Example.from_dict(nlp.make_doc(text), {"entities": entities}))
    return examples


def trained_weights(nlp: Language) -> dict[str, torch.Tensor]:
    """RETURNS (Dict[str, Tensor]): All that is trained and saved: adapters, head and CRF."""
    network = nlp.get_pipe(PIPE).shim.network
    return {name: weight.detach() for name, weight in network.named_parameters() if weight.requires_grad}


def predict(nlp: Language) -> tuple[list[list[list[Any]]], np.ndarray]:
    """RETURNS (Tuple[list, ndarray]): Entities of each text with their scores; emissions, shape (words, tags)."""
    docs = [nlp(text) for text in TEXTS]
    entities = [[[ent.start, ent.end, ent.label_, ent._.score] for ent in doc.ents] for doc in docs]
    return entities, np.concatenate(nlp.get_pipe(PIPE).model.predict(docs))


def keep_reference(
    folder: Path, weights: dict[str, torch.Tensor], entities: list[list[list[Any]]], emissions: np.ndarray
) -> None:
    """Write what the pipeline holds and predicts, without its own code for saving."""
    folder.mkdir()
    save_file({name: weight.contiguous() for name, weight in weights.items()}, folder / "weights.safetensors")
    (folder / "entities.json").write_text(json.dumps(entities), encoding="utf8")
    np.save(folder / "emissions.npy", emissions)


def read_reference(folder: Path) -> tuple[dict[str, torch.Tensor], list[list[list[Any]]], np.ndarray]:
    """Read what `keep_reference` wrote."""
    entities = json.loads((folder / "entities.json").read_text(encoding="utf8"))
    return load_file(folder / "weights.safetensors"), entities, np.load(folder / "emissions.npy")


def main() -> None:
    """Run one phase."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("phase", choices=("train", "load"))
    parser.add_argument("backbone", type=Path)
    parser.add_argument("work", type=Path)
    arguments = parser.parse_args()
    phase = {"train": train, "load": load}[arguments.phase]
    report = phase(arguments.backbone, arguments.work)
    (arguments.work / f"{arguments.phase}.json").write_text(json.dumps(report, indent=2), encoding="utf8")


if __name__ == "__main__":
    main()
