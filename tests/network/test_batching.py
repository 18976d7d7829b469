import torch
from hypothesis import given
from hypothesis import strategies as st

from spacy_llama_ner.network.batching import by_length, pad_docs, pad_ids, well_filled


@given(st.lists(st.integers(0, 50), max_size=60), st.integers(1, 120))
def test_by_length_keeps_every_sequence_once_and_the_budget(lengths, budget):
    groups = list(by_length(lengths, budget))
    assert sorted(index for group in groups for index in group) == list(range(len(lengths)))
    for group in groups:
        assert len(group) == 1 or max(lengths[i] for i in group) * len(group) <= budget


def test_by_length_puts_similar_lengths_together():
    assert list(by_length([9, 1, 8, 2], 20)) == [[1, 3], [2, 0]]


def test_by_length_parts_uneven_sequences_once_a_group_is_well_filled():
    assert list(by_length([10, 10, 11, 30], 1000, well_filled=60)) == [[0, 1, 2], [3]]
    assert list(by_length([10, 10, 11, 30], 1000, well_filled=100)) == [[0, 1, 2, 3]]


def test_by_length_leaves_little_padding():
    lengths = [3 + (7 * i) % 60 for i in range(64)]
    groups = list(by_length(lengths, 8192))
    padded = sum(max(lengths[i] for i in group) * len(group) for group in groups)
    assert sum(lengths) / padded > 0.75
    assert len(groups) < 10


def test_pad_ids_masks_the_padding():
    ids, mask = pad_ids([[7], [8, 9]], torch.device("cpu"))
    assert ids.tolist() == [[7, 0], [8, 9]]
    assert mask.tolist() == [[True, False], [True, True]]


def test_pad_docs_masks_empty_docs():
    padded, mask = pad_docs([torch.ones(0, 3), torch.ones(2, 3)])
    assert padded.shape == (2, 2, 3)
    assert mask.tolist() == [[False, False], [True, True]]


def test_a_training_batch_is_parted_on_a_cpu_and_not_on_a_gpu():
    lengths = [75, 12, 25, 48, 20, 15, 31, 9]
    groups = {
        name: list(by_length(lengths, 8192, well_filled=well_filled(torch.device(name))))
        for name in ("cpu", "cuda")
    }
    assert [len(groups[name]) for name in ("cpu", "cuda")] == [2, 1]
