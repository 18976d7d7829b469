"""The tokenizer on real text: does it lose anything, and does every word get pieces?"""

from collections.abc import Sequence

import numpy as np
from spacy.tokens import Doc

from spacy_llama_ner.doctor.batches import PieceReader
from spacy_llama_ner.doctor.check import FAIL, WARN, Check

TEXT = "Dr. O'Neill-Sánchez's 3.5% stake (in Zürich) fell, didn't it? 中文 🙂 “Yes,” she said…"
MOST_DOCS = 2_000


def check_tokenizer(reader: PieceReader, docs: Sequence[Doc]) -> list[Check]:
    """Check the tokenizer, whose offsets were checked when it was loaded.

    reader (PieceReader): Has it.
    docs (Sequence[Doc]): Of the training corpus, or invented ones.
    RETURNS (List[Check]): Round trip, alignment, pieces a word.
    """
    kind = type(reader.tokenizer).__name__
    size = f"{kind}, {len(reader.tokenizer):,} pieces, character offsets"
    return [Check("tokenizer", size), _check_round_trip(reader), _check_alignment(reader, docs[:MOST_DOCS])]


def _check_round_trip(reader: PieceReader) -> Check:
    backend = reader.tokenizer.backend_tokenizer
    back = backend.decode(backend.encode(TEXT, add_special_tokens=False).ids)
    if back == TEXT:
        return Check("round trip", "text comes back unchanged")
    lost = sorted({char for char in TEXT if char.casefold() not in back.casefold()})
    advice = (
        f"{TEXT!r} comes back as {back!r}. That is usual where a tokenizer folds case, accents or spaces; what it "
        "folds, the backbone cannot tell apart."
    )
    return Check("round trip", f"loses {''.join(lost)}" if lost else "changes case or spaces", WARN, advice)


def _check_alignment(reader: PieceReader, docs: Sequence[Doc]) -> Check:
    batch = reader.read(docs)
    words = sum(batch.doc_lengths)
    covered = len(np.unique(batch.token_index))
    pieces = len(batch.token_index)
    figures = {
        "docs": len(docs),
        "words": words,
        "words_without_pieces": words - covered,
        "pieces_per_word": pieces / words,
    }
    found = f"{words - covered:,} of {words:,} words have no piece; {pieces / words:.2f} pieces a word"
    if covered == words:
        return Check("alignment", f"{words:,} words, {pieces / words:.2f} pieces a word", figures=figures)
    advice = "Such words are tagged without being read. Another tokenizer, or a cleaner corpus, has them."
    return Check("alignment", found, FAIL if covered < 0.99 * words else WARN, advice, figures)
