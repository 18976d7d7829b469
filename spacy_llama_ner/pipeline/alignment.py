"""Which tokens a piece covers, by character offsets."""

import numpy as np
from spacy.attrs import IDX, LENGTH
from spacy.tokens import Span


def align_pieces(span: Span, offsets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Find the first and the last token of a span that each piece has a character of.

    Byte-level tokenizers count the space before a word to its piece. spacy-transformers' alignment maps such
    a piece to the token before, too, so that this token's last piece would be its neighbour's; here leading
    whitespace is trimmed from a piece before it is aligned.

    span (Span): The tokens.
    offsets (ndarray): Int64, shape (P, 2): [start, end) of each piece in `span.text`, in characters.
    RETURNS (Tuple[ndarray, ndarray]): Int64, shape (P,), indices into `span.doc`; a piece of whitespace alone
        has last < first and covers nothing.
    """
    text = span.text
    places = np.arange(len(text) + 1)
    is_space = np.fromiter(map(str.isspace, text), dtype=bool, count=len(text))
    # the next character that is no whitespace, from each character on
    solid = np.minimum.accumulate(np.where(np.append(is_space, False), len(text), places)[::-1])[::-1]
    starts, ends = solid[offsets[:, 0]], offsets[:, 1]
    # far faster than a loop over tokens
    table = span.to_array([IDX, LENGTH])  # type: ignore[attr-defined]  # missing in spaCy's stub
    token_starts, lengths = table.astype(np.int64).reshape(-1, 2).T  # each (T,)
    token_starts = token_starts - span.start_char
    token_ends = token_starts + lengths
    first = np.searchsorted(token_ends, starts, side="right") + span.start
    last = np.searchsorted(token_starts, ends, side="left") - 1 + span.start
    return first, np.where(starts < ends, last, first - 1)
