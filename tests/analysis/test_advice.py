"""When a rule may speak, and how advice is written out."""

import pytest
from outcomes import make_outcome, right
from scipy.stats import hypergeom

from spacy_llama_ner.analysis.advice import Advice, Contrast, advise, contrast
from spacy_llama_ner.analysis.types import CORRECT, MISSED

ERROR = make_outcome(MISSED)


def make_contrast(errors: int, size: int, rest_errors: int, rest_size: int) -> Contrast:
    return Contrast([ERROR] * errors, size, rest_errors, rest_size)


def test_contrast_counts_group_and_rest():
    outcomes = [*right(3, "PER"), *right(4, "LOC"), make_outcome(MISSED, "PER"), make_outcome(MISSED, "LOC")]
    found = contrast(outcomes, group=lambda x: x.entity.label == "PER", error=lambda x: x.kind != CORRECT)
    assert (len(found.errors), found.size, found.rest_errors, found.rest_size) == (1, 4, 1, 5)
    assert found.errors == [outcomes[7]]


def test_contrast_p_is_the_hypergeometric_tail():
    # 8 errors among 30 outcomes; at least 6 of them in a group of 10.
    assert make_contrast(6, 10, 2, 20).p == pytest.approx(hypergeom(30, 8, 10).sf(5))


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ((10, 20, 10, 100), True),
        ((4, 4, 0, 100), False),  # too few errors
        ((5, 5, 0, 100), True),
        ((140, 1000, 1000, 10000), False),  # significant, but not 1.5 times as frequent
        ((6, 30, 10, 100), False),  # twice as frequent, but that may be chance
        ((10, 20, 0, 0), False),  # nothing to compare with
    ],
)
def test_contrast_stands_out_needs_count_lift_and_significance(numbers, expected):
    assert make_contrast(*numbers).stands_out is expected


def test_advise_most_errors_first_with_their_ids():
    outcomes = [make_outcome(MISSED), *right(2), make_outcome(MISSED), make_outcome(MISSED)]

    def few(outcomes):
        yield Advice("few", "f", {"n": 1}, "r", "t", [outcomes[3]])

    def many(outcomes):
        yield Advice("many", "f", {"n": 2}, "r", "t", [outcomes[0], outcomes[4]])

    def silent(outcomes):
        yield from ()

    found = advise(outcomes, [few, silent, many])
    assert [(x["rule"], x["items"]) for x in found] == [("many", [1, 3]), ("few", [2])]
    assert found[1] == {
        "rule": "few",
        "finding": "f",
        "evidence": {"n": 1},
        "reason": "r",
        "try": "t",
        "items": [2],
    }
