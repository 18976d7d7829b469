"""What the tests with hostile files share; imported by its name, since conftest.py puts this folder on the path."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import spacy
from spacy.cli.train import train
from spacy.language import Language
from spacy.tokens import Doc, DocBin
from spacy.training import Example
from spacy.util import fix_random_seed
from spacy.vocab import Vocab

PIPE = "llama_crf_ner"
TEXT = "Anna Kovac visited Berlin on Monday."
WORDS = ["Anna", "Kovac", "visited", "Berlin", "on", "Monday", "."]
TAGS = ["B-PER", "I-PER", "O", "B-LOC", "O", "O", "O"]


def with_setting(config: str, section: str, key: str, value: str) -> str:
    """Set a key in the text of a config file."""
    head, mark, rest = config.partition(f"[{section}]\n")
    assert mark, f"no section {section}"
    body, bracket, tail = rest.partition("\n[")
    line = f"{key} = {value}"
    pattern = re.compile(rf"^{re.escape(key)} = .*$", re.MULTILINE)
    body = pattern.sub(lambda _: line, body) if pattern.search(body) else f"{line}\n{body}"
    return head + mark + body + bracket + tail


def annotated(count: int) -> list[Doc]:
    return [Doc(Vocab(), words=WORDS, ents=TAGS) for _ in range(count)]


def write_docs(path: Path, docs: Sequence[Doc], **options: Any) -> None:
    DocBin(docs=docs, **options).to_disk(path)


def change_config(project: Path, section: str, key: str, value: str) -> None:
    path = project / "mini.cfg"
    path.write_text(with_setting(path.read_text(encoding="utf8"), section, key, value), encoding="utf8")


def run_train(project: Path) -> None:
    """`spacy train`, in this process."""
    train(project / "mini.cfg", project / "out")


def make_pipeline(backbone: Path, labels: Sequence[str] = ("PER", "LOC"), **source: Any) -> Language:
    """An initialized pipeline, its weights moved away from where they begin."""
    import torch

    fix_random_seed(0)
    nlp = spacy.blank("xx")
    block = {"@misc": "spacy_llama_ner.HuggingFaceBackbone.v1", "name": str(backbone), **source}
    nlp.add_pipe(PIPE, config={"model": {"lora_rank": 4, "backbone": block}})
    ents = [(0, 10, labels[0]), (19, 25, labels[-1])]
    example = Example.from_dict(nlp.make_doc(TEXT), {"entities": ents})
    nlp.get_pipe(PIPE).initialize(lambda: [example], labels=list(labels))
    with torch.no_grad():
        for weight in nlp.get_pipe(PIPE).shim.network.parameters():
            if weight.requires_grad:
                weight.add_(torch.randn_like(weight) * 0.1)
    return nlp


def emissions(nlp: Language) -> Any:
    return nlp.get_pipe(PIPE).model.predict([nlp.make_doc(TEXT)])[0]
