from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from spacy_llama_ner.network.batching import backbone_groups, cheapest_groups, pad_docs, pad_ids


def padded(lengths, groups):
    return sum(max(lengths[i] for i in group) * len(group) for group in groups)


def cost(lengths, groups, start):
    return padded(lengths, groups) + start * len(groups)


@given(st.lists(st.integers(0, 50), max_size=60), st.integers(1, 120), st.integers(0, 40))
def test_cheapest_groups_keeps_every_sequence_once_and_the_budget(lengths, budget, start):
    groups = cheapest_groups(lengths, budget, start=start)
    assert sorted(index for group in groups for index in group) == list(range(len(lengths)))
    for group in groups:
        assert len(group) == 1 or padded(lengths, [group]) <= budget


def partitions(items):
    """All ways to part a few items into groups."""
    if not items:
        yield []
        return
    first, *others = items
    for groups in partitions(others):
        yield [[first], *groups]
        for place, group in enumerate(groups):
            yield [*groups[:place], [first, *group], *groups[place + 1 :]]


@given(st.lists(st.integers(0, 20), max_size=6), st.integers(1, 60), st.integers(0, 20))
def test_cheapest_groups_costs_least_of_all_groupings(lengths, budget, start):
    fitting = (
        groups
        for groups in partitions(list(range(len(lengths))))
        if all(len(group) == 1 or padded(lengths, [group]) <= budget for group in groups)
    )
    least = min(cost(lengths, groups, start) for groups in fitting)
    assert cost(lengths, cheapest_groups(lengths, budget, start=start), start) == least


def test_cheapest_groups_puts_similar_lengths_together():
    assert cheapest_groups([9, 1, 8, 2], 20, start=12) == [[1, 3], [2, 0]]


@pytest.mark.parametrize(("start", "groups"), [(2, [[0, 1, 2], [3]]), (100, [[0, 1, 2, 3]])])
def test_cheapest_groups_pads_where_that_costs_less_than_a_start(start, groups):
    assert cheapest_groups([10, 10, 11, 30], 1000, start=start) == groups


def test_backbone_groups_leaves_little_padding_on_a_cpu():
    lengths = [3 + (7 * i) % 60 for i in range(64)]
    groups = backbone_groups(lengths, 8192, torch.device("cpu"))
    assert sum(lengths) / padded(lengths, groups) > 0.85


def test_backbone_groups_puts_the_longest_first():
    lengths = [3 + (7 * i) % 60 for i in range(64)]
    groups = backbone_groups(lengths, 8192, torch.device("cpu"))
    longest = [max(lengths[i] for i in group) for group in groups]
    assert all(one >= other for one, other in pairwise(longest))


def test_a_training_batch_is_parted_on_a_cpu_and_not_on_a_gpu():
    lengths = [75, 12, 25, 48, 20, 15, 31, 9]
    groups = {name: backbone_groups(lengths, 8192, torch.device(name)) for name in ("cpu", "cuda")}
    assert len(groups["cpu"]) > 1
    assert len(groups["cuda"]) == 1


def test_pad_ids_masks_the_padding():
    ids, mask = pad_ids([[7], [8, 9]], torch.device("cpu"))
    assert ids.tolist() == [[7, 0], [8, 9]]
    assert mask.tolist() == [[True, False], [True, True]]


def test_pad_docs_masks_empty_docs():
    rows, mask = pad_docs([torch.ones(0, 3), torch.ones(2, 3)])
    assert rows.shape == (2, 2, 3)
    assert mask.tolist() == [[False, False], [True, True]]
