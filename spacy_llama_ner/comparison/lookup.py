"""A baseline without learning: names are found again where they stand in the training data with one label only."""

import json
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import spacy
from spacy.language import Language
from spacy.matcher import PhraseMatcher
from spacy.tokens import Doc
from spacy.util import filter_spans
from spacy.vocab import Vocab

from spacy_llama_ner.replacement import write_whole


class Lookup:
    """Set `doc.ents` to the longest known names; of two that overlap the longer one, then the first.

    An entity_ruler would read its patterns with the pipeline's tokenizer; here they have the corpus's tokens.

    vocab (Vocab): The pipeline's.
    """

    def __init__(self, vocab: Vocab) -> None:
        self.vocab = vocab
        self.add({})

    def add(self, names: dict[str, list[list[str]]]) -> None:
        """Look for these names, and no others.

        names (dict[str, list[list[str]]]): The tokens of each name, by label.
        """
        self.names = names
        self.matcher = PhraseMatcher(self.vocab)
        for label, phrases in names.items():
            self.matcher.add(label, [Doc(self.vocab, words=words) for words in phrases])

    def __call__(self, doc: Doc) -> Doc:
        doc.ents = filter_spans(self.matcher(doc, as_spans=True))
        return doc

    def to_disk(self, path: Path, *, exclude: Iterable[str] = ()) -> None:
        """Save the names as JSON."""
        path.mkdir(exist_ok=True)
        write_whole(path / "names.json", json.dumps(self.names, ensure_ascii=False).encode())

    def from_disk(self, path: Path, *, exclude: Iterable[str] = ()) -> "Lookup":
        """Load the names."""
        self.add(json.loads((path / "names.json").read_text(encoding="utf8")))
        return self


@Language.factory("spacy_llama_ner_lookup", assigns=["doc.ents"])
def make_lookup(nlp: Language, name: str) -> Lookup:
    """Make an empty lookup."""
    return Lookup(nlp.vocab)


def train_lookup(docs: Iterable[Doc]) -> Language:
    """Make a pipeline that finds the names of the training data that have one label there.

    docs (Iterable[Doc]): The training corpus.
    RETURNS (Language): With one component.
    Source: Tjong Kim Sang & De Meulder (2003), Introduction to the CoNLL-2003 Shared Task, 3 (the baseline: entities
        with a unique class in the training data; of several phrases the longest).
    """
    labels: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for doc in docs:
        for ent in doc.ents:
            labels[tuple(token.text for token in ent)].add(ent.label_)
    names: dict[str, list[list[str]]] = defaultdict(list)
    for words, found in labels.items():
        if len(found) == 1:
            names[found.copy().pop()].append(list(words))
    nlp = spacy.blank("en")
    nlp.add_pipe("spacy_llama_ner_lookup").add(dict(names))  # type: ignore[attr-defined]
    return nlp
