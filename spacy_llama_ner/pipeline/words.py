"""The tokens that the network tags: all but whitespace.

spaCy keeps runs of spaces and line breaks as tokens. Left out of the sequence they can neither begin nor end an
entity, while a name that goes on after a line break stays one entity.
"""

import numpy as np
from spacy.tokens import Doc


def word_indices(doc: Doc) -> np.ndarray:
    """RETURNS (ndarray): Int64, shape (T,): indices of the tokens that are not whitespace."""
    return np.flatnonzero(doc.to_array("IS_SPACE") == 0)
