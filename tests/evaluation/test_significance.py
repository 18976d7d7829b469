"""Approximate randomization against the enumeration of all swaps."""

from itertools import product

import numpy as np
import pytest

from spacy_llama_ner.evaluation.counts import EntityCounts
from spacy_llama_ner.evaluation.significance import compare_f1


def make_counts(rows):
    """Counts of one label from (tp, fp, fn) of each Doc."""
    tp, fp, fn = (np.array(column, dtype=np.int64)[:, None] for column in zip(*rows, strict=True))
    return EntityCounts(("PER",), tp, fp, fn)


# 2, 1, 3, 1, 2, 1, 2, 0 gold entities.
FIRST = make_counts([(2, 0, 0), (1, 0, 0), (3, 1, 0), (1, 0, 0), (1, 1, 1), (1, 0, 0), (2, 0, 0), (0, 0, 0)])
SECOND = make_counts([(1, 1, 1), (0, 0, 1), (2, 0, 1), (1, 0, 0), (2, 0, 0), (0, 2, 1), (1, 1, 1), (0, 1, 0)])


def f1(docs):
    tp, fp, fn = np.sum(docs, axis=0)
    return 2 * tp / (2 * tp + fp + fn)


def enumerate_swaps(first, second):
    """The exact p: all 2^D ways to swap, the one seen among them."""
    pairs = list(zip(*(np.hstack([side.tp, side.fp, side.fn]) for side in (first, second)), strict=True))
    seen = abs(f1([one for one, _ in pairs]) - f1([two for _, two in pairs]))
    as_large = [
        abs(
            f1([pair[swap] for pair, swap in zip(pairs, swaps, strict=True)])
            - f1([pair[1 - swap] for pair, swap in zip(pairs, swaps, strict=True)])
        )
        >= seen - 1e-12
        for swaps in product((0, 1), repeat=len(pairs))
    ]
    return sum(as_large) / len(as_large)


def test_compare_f1_equals_enumeration():
    exact = enumerate_swaps(FIRST, SECOND)
    assert 0.01 < exact < 0.5
    found = compare_f1(FIRST, SECOND, shuffles=40_000)
    assert found["p"] == pytest.approx(exact, abs=0.01)
    assert found["difference"] == pytest.approx(
        f1(np.hstack([FIRST.tp, FIRST.fp, FIRST.fn])) - f1(np.hstack([SECOND.tp, SECOND.fp, SECOND.fn]))
    )
    assert found["docs_that_differ"] == 7


def test_compare_f1_is_two_sided():
    one, other = compare_f1(FIRST, SECOND), compare_f1(SECOND, FIRST)
    assert one["difference"] == -other["difference"] != 0
    assert one["p"] == other["p"]


def test_compare_f1_of_equals_is_one():
    found = compare_f1(FIRST, FIRST)
    assert (found["difference"], found["p"], found["docs_that_differ"]) == (0.0, 1.0, 0)


def test_compare_f1_is_never_zero():
    """(c + 1) / (n + 1): the output seen is one of the ways to swap."""
    right, wrong = make_counts([(1, 0, 0)] * 60), make_counts([(0, 0, 1)] * 60)
    assert compare_f1(right, wrong, shuffles=999)["p"] == pytest.approx(1 / 1000)


def test_compare_f1_counts_every_shuffle():
    """A number that chunks do not divide; one Doc differs, so that every shuffle is as large."""
    one, two = make_counts([(1, 0, 0), (1, 0, 0)]), make_counts([(1, 0, 0), (0, 0, 1)])
    assert compare_f1(one, two, shuffles=1234)["p"] == 1.0


def test_compare_f1_depends_on_the_seed_alone():
    assert compare_f1(FIRST, SECOND, seed=1) == compare_f1(FIRST, SECOND, seed=1)
    assert compare_f1(FIRST, SECOND, seed=1)["p"] != compare_f1(FIRST, SECOND, seed=2)["p"]


@pytest.mark.parametrize("rows", [[(1, 0, 0)], [(1, 0, 0), (2, 0, 0)]])
def test_compare_f1_refuses_other_gold(rows):
    with pytest.raises(ValueError, match="different gold docs"):
        compare_f1(make_counts([(1, 0, 0), (0, 0, 1)]), make_counts(rows))
