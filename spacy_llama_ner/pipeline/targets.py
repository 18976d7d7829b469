"""Gold annotation as the tags that each word may have."""

from collections.abc import Sequence

import numpy as np
from spacy.training import Example

from spacy_llama_ner.network.tags import begin_tag, inside_tag
from spacy_llama_ner.pipeline.words import word_indices


def allowed_tags(example: Example, labels: Sequence[str]) -> np.ndarray:
    """Align an example's entities with its predicted doc.

    A word whose annotation is missing, or whose entity does not align with the tokens, may have every tag: it
    stays in the sequence, the CRF sums over it, and cross-entropy leaves it out.

    example (Example): Predicted and reference doc.
    labels (Sequence[str]): Entity labels, in the component's order.
    RETURNS (ndarray): Bool, shape (T, K), T counting the words of the predicted doc.
    RAISES (ValueError): If an entity has a label that the component does not know.
    """
    label_ids = {label: index for index, label in enumerate(labels)}
    allowed = np.zeros((len(example.predicted), 1 + 2 * len(labels)), dtype=bool)
    words = word_indices(example.predicted)
    is_word = np.isin(np.arange(len(example.predicted)), words)
    begins = False
    for index, biluo in enumerate(example.get_aligned_ner()):
        if biluo is None:
            allowed[index] = True
            continue
        prefix, _, label = biluo.partition("-")
        if prefix == "O":
            allowed[index, 0] = True
            continue
        if label not in label_ids:
            raise ValueError(
                f"the annotation has an entity {label!r} at {example.predicted[index].text!r}, which is none of "
                f"the component's labels {list(labels)}; name it in [initialize.components] labels and train "
                "anew (a trained component's labels are fixed), or correct the annotation"
            )
        # An entity annotated from whitespace on begins at its first word instead.
        begins = prefix in ("B", "U") or begins
        tag = begin_tag(label_ids[label]) if begins else inside_tag(label_ids[label])
        allowed[index, tag] = True
        begins = begins and not is_word[index]
    return allowed[words]
