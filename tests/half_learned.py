"""A tiny pipeline whose corpus contradicts itself: it is sure, and often wrong."""

import random
from itertools import cycle, islice
from pathlib import Path

import spacy
from spacy.language import Language
from spacy.tokens import Doc, DocBin
from spacy.training import Example
from spacy.util import fix_random_seed

PIPE = "entities"  # not the component's usual name
PERSONS = ["Anna", "Kovac", "Jean", "Marchetti", "Ilse", "Duarte"]
PLACES = ["Berlin", "Lisbon", "Ghana", "Norway", "Oslo", "Geneva"]


def make_docs(nlp: Language, n: int, *, seed: int) -> list[Doc]:
    """Make sentences with a person and a place, a quarter of which are labelled as the other.

    The first 36 differ: no two that are alike have other labels, between which a pipeline could not decide.
    """
    rng = random.Random(seed)
    pairs = [(person, place) for person in PERSONS for place in PLACES]
    rng.shuffle(pairs)
    docs = []
    for name, town in islice(cycle(pairs), n):
        words = [name, "left", town, "on", "Monday", "."]
        person, place = (
            label if rng.random() < 0.75 else other for label, other in (("PER", "LOC"), ("LOC", "PER"))
        )
        docs.append(Doc(nlp.vocab, words=words, ents=[f"B-{person}", "O", f"B-{place}", "O", "O", "O"]))
    return docs


def make_half_learned(backbone: Path) -> Language:
    """Train a pipeline on 24 such sentences until it knows their mistakes by heart."""
    fix_random_seed(0)
    nlp = spacy.blank("en")
    source = {"@misc": "spacy_llama_ner.HuggingFaceBackbone.v1", "name": str(backbone)}
    nlp.add_pipe("llama_crf_ner", name=PIPE, config={"model": {"lora_rank": 4, "backbone": source}})
    examples = [Example(Doc(nlp.vocab, [t.text for t in doc]), doc) for doc in make_docs(nlp, 24, seed=0)]
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = 0.01
    for _ in range(40):
        nlp.update(examples, sgd=optimizer)
    return nlp


def save_docs(path: Path, n: int, *, seed: int) -> Path:
    """Save such sentences as a DocBin."""
    DocBin(docs=make_docs(spacy.blank("en"), n, seed=seed)).to_disk(path)
    return path
