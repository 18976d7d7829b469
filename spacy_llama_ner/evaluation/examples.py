"""Pair each gold Doc of a corpus with what a pipeline predicts on the same tokens."""

import time
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path

from spacy.language import Language
from spacy.tokens import Doc, DocBin
from spacy.training import Example
from spacy.vocab import Vocab


def read_gold(path: Path, vocab: Vocab) -> list[Doc]:
    """Read the annotated Docs of a DocBin.

    path (Path): A `.spacy` file.
    vocab (Vocab): The vocabulary that the Docs will share.
    RETURNS (list[Doc]): The Docs in the file's order; there is at least one token.
    RAISES (FileNotFoundError): If there is no such file.
    RAISES (ValueError): If the file is no DocBin, holds no token, a token has no NER annotation, or a label is a name
        that tables and metrics have for something else.
    """
    if not path.is_file():
        raise FileNotFoundError(
            f"No corpus at {path}: expected a .spacy file (DocBin), as `convert` writes it."
        )
    try:
        docs = list(DocBin().from_disk(path).get_docs(vocab))
    except (zlib.error, ValueError, KeyError, TypeError, EOFError) as e:
        raise ValueError(f"{path} is not a readable DocBin ({e}): write it with `convert`.") from e
    if not any(len(doc) for doc in docs):
        raise ValueError(f"{path} holds {len(docs)} docs and not one token: there is nothing to evaluate.")
    _check_annotated(docs, path)
    _check_labels(docs, path)
    return docs


def predict(
    nlp: Language, gold: Sequence[Doc], *, batch_size: int = 64, disable: Sequence[str] = ()
) -> tuple[list[Example], float]:
    """Run a pipeline over the gold tokens and time it.

    nlp (Language): The pipeline.
    gold (Sequence[Doc]): Annotated Docs; only their words and spaces reach the pipeline.
    batch_size (int): Docs handed to a component at once.
    disable (Sequence[str]): Names of components to leave out.
    RETURNS (tuple[list[Example], float]): Predicted and gold Docs in pairs, and the seconds prediction took.
    RAISES (ValueError): If a component of the pipeline changed the tokens.
    """
    # As spaCy's Corpus does with gold_preproc: scores then say nothing about the tokenizer.
    inputs = [_without_annotation(doc, nlp.vocab) for doc in gold]
    start = time.perf_counter()
    predicted = list(nlp.pipe(inputs, batch_size=batch_size, disable=disable))
    seconds = time.perf_counter() - start
    for number, (doc, reference) in enumerate(zip(predicted, gold, strict=True), start=1):
        if _words(doc) != _words(reference):
            raise ValueError(
                f"The pipeline changed the tokens of doc {number} ({len(reference)} before, {len(doc)} after)"
                ": take components that merge or split tokens out of it before evaluating."
            )
    return [Example(doc, reference) for doc, reference in zip(predicted, gold, strict=True)], seconds


def _check_annotated(docs: Sequence[Doc], path: Path) -> None:
    """Refuse unknown tokens: no metric here can count them, and guessing O would hide the mistake."""
    missing = [
        (number, _count_unknown(doc)) for number, doc in enumerate(docs, start=1) if _count_unknown(doc)
    ]
    if not missing:
        return
    first, unknown = missing[0]
    raise ValueError(
        f"{path}: {len(missing)} of {len(docs)} docs lack NER annotation on some or all tokens; the first is "
        f"doc {first}, with {unknown} of {len(docs[first - 1])} tokens unknown. Annotate every token "
        "(tokens outside entities as O), or take these docs out."
    )


def _check_labels(docs: Sequence[Doc], path: Path) -> None:
    """Refuse labels that seqeval takes for a tag, or that stand for all labels, or for none, in every table."""
    reserved = {"O", "all", "micro avg", "macro avg", "weighted avg"}
    labels = sorted({ent.label_ for doc in docs for ent in doc.ents})
    if bad := [label for label in labels if label in reserved or label != label.strip("-")]:
        raise ValueError(
            f"{path}: the label {bad[0]!r} has another meaning in scores and tables, or begins or ends with a hyphen. "
            "Give it another name."
        )


def _count_unknown(doc: Doc) -> int:
    return sum(token.ent_iob == 0 for token in doc)


def _without_annotation(doc: Doc, vocab: Vocab) -> Doc:
    return Doc(vocab, words=_words(doc), spaces=[bool(token.whitespace_) for token in doc])


def _words(doc: Iterable) -> list[str]:
    return [token.text for token in doc]
