"""The tokens that the network tags: all but whitespace.

spaCy keeps runs of spaces and line breaks as tokens. Left out of the sequence they can neither begin nor end an
entity, while a name that goes on after a line break stays one entity.
"""

import numpy as np
from spacy.tokens import Doc


def word_indices(doc: Doc) -> np.ndarray:
    """Find the words of a doc.

    By the tokens' texts, not by the flag IS_SPACE: that is False for all tokens of a doc with a bare `Vocab()`,
    and for an empty token, which `retokenizer.split` can make.

    doc (Doc): Any doc.
    RETURNS (ndarray): Int64, shape (T,): indices of the tokens that have more than whitespace.
    """
    strings, orths = doc.vocab.strings, doc.to_array("ORTH")
    # Each text once: far faster than a loop over tokens.
    blank = [orth for orth in set(orths.tolist()) if not strings[orth].strip()]
    return np.flatnonzero(~np.isin(orths, blank)) if blank else np.arange(len(doc))
