"""A pipeline that needs no training and finds known entities: it stands in for a trained one."""

from pathlib import Path

import spacy
from spacy.language import Language
from spacy.tokens import Doc, DocBin

PATTERNS = {"Ilse Vandermeer": "PER", "Lisbon": "LOC", "Norway": "LOC", "European Commission": "ORG"}
REQUIREMENT = "spacy-llama-ner>=0.1.0,<0.2.0"


def make_ruler(*, requirements: tuple[str, ...] = (REQUIREMENT,)) -> Language:
    """Make a pipeline that finds the names in PATTERNS; it gives no scores."""
    nlp = spacy.blank("en")
    ruler = nlp.add_pipe("entity_ruler")
    ruler.add_patterns([{"label": label, "pattern": text} for text, label in PATTERNS.items()])
    nlp.meta["requirements"] = list(requirements)
    return nlp


def save_ruler(folder: Path, *, requirements: tuple[str, ...] = (REQUIREMENT,)) -> Path:
    """Save such a pipeline."""
    make_ruler(requirements=requirements).to_disk(folder)
    return folder


def make_gold(nlp: Language, sentences: list[tuple[str, list[str]]]) -> Doc:
    """Make a Doc of sentences, each with the IOB2 tags of its tokens, which spaces part."""
    words = [word for text, _ in sentences for word in text.split()]
    ents = [tag for _, tags in sentences for tag in tags]
    starts = [i == 0 for text, _ in sentences for i, _ in enumerate(text.split())]
    return Doc(nlp.vocab, words=words, ents=ents, sent_starts=starts)


def save_corpus(path: Path, docs: list[Doc]) -> Path:
    """Save Docs as a DocBin."""
    DocBin(docs=docs).to_disk(path)
    return path
