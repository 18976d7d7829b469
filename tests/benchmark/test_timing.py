import itertools

import pytest

from spacy_llama_ner.benchmark.timing import ratio, time_in_turns


def test_time_in_turns_leaves_warm_up_out_and_moves_the_order():
    order: list[str] = []
    clock = itertools.count().__next__
    seconds = time_in_turns(
        {name: lambda name=name: order.append(name) for name in "ab"}, rounds=2, warm_up=1, clock=clock
    )
    assert seconds == {"a": [1, 1], "b": [1, 1]}
    assert "".join(order) == "baabba"


def test_ratio_is_the_median_of_the_rounds():
    assert ratio([2.0, 30.0, 4.0], [1.0, 1.0, 1.0]) == 4.0


def test_ratio_refuses_other_numbers_of_rounds():
    with pytest.raises(ValueError, match="shorter"):
        ratio([1.0, 2.0], [1.0])
