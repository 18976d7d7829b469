"""Entity counts of each Doc."""

import numpy as np
import pytest
from tagged_examples import make_example, make_random_examples

from spacy_llama_ner.evaluation.counts import count_entities, precision_recall_f1
from spacy_llama_ner.evaluation.metrics import evaluate


def test_count_entities_by_doc_and_label():
    first = make_example(
        [("Ann saw Oslo", ["B-PER", "O", "B-LOC"])], [("Ann saw Oslo", ["B-PER", "O", "B-PER"])]
    )
    second = make_example([("It rained", ["O", "O"])], [("It rained", ["B-LOC", "O"])])
    counts = count_entities([first, second])
    assert counts.labels == ("LOC", "PER")
    assert counts.tp.tolist() == [[0, 1], [0, 0]]
    assert counts.fp.tolist() == [[0, 1], [1, 0]]
    assert counts.fn.tolist() == [[1, 0], [0, 0]]


def test_count_entities_without_entities():
    counts = count_entities([make_example([("It rained", ["O", "O"])], [("It rained", ["O", "O"])])])
    assert (counts.labels, counts.tp.shape, counts.fn.shape) == ((), (1, 0), (1, 0))


@pytest.mark.parametrize("seed", range(5))
def test_count_entities_sums_to_the_scores_of_seqeval(seed):
    examples = make_random_examples(30, seed=seed)
    counts, seqeval = count_entities(examples), evaluate(examples)["seqeval"]
    scores = precision_recall_f1(counts.tp.sum(), counts.fp.sum(), counts.fn.sum())
    assert scores == pytest.approx([seqeval[key] for key in ("precision", "recall", "f1")])
    _, _, by_label = precision_recall_f1(*(side.sum(axis=0) for side in (counts.tp, counts.fp, counts.fn)))
    expected = {label: row["f1"] for label, row in seqeval["per_label"].items()}
    assert dict(zip(counts.labels, by_label, strict=True)) == pytest.approx(expected)


def test_precision_recall_f1_of_nothing_is_zero():
    nothing, one = np.array([0, 1]), np.array([0, 0])
    for values in precision_recall_f1(nothing, one, one):
        assert values.tolist() == [0.0, 1.0]
