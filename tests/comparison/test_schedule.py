"""Batches and steps by a corpus's size."""

import pytest
import spacy
from spacy.tokens import Doc

from spacy_llama_ner.comparison.schedule import docs_per_batch, linear_schedule, stepwise_schedule


@pytest.mark.parametrize(("length", "expected"), [(5, 16), (31, 16), (100, 5), (400, 1), (5000, 1)])
def test_docs_per_batch_bounds_words(length, expected):
    docs = [Doc(spacy.blank("en").vocab, words=["word"] * length)] * 3
    assert docs_per_batch(docs) == expected


def test_linear_schedule_covers_all_epochs():
    # The values of configs/mini.cfg: 2,810 sentences, batches of 16, 4 epochs.
    schedule = linear_schedule(2810, batch=16, epochs=4, rate=2e-3, warmup=15)
    assert schedule == {
        "training.batcher.size": 16,
        "training.max_epochs": 4,
        "training.eval_frequency": 175,
        "training.optimizer.learn_rate.initial_rate": 2e-3,
        "training.optimizer.learn_rate.warmup_steps": 46,
        "training.optimizer.learn_rate.total_steps": 704,
    }
    assert 4 * schedule["training.eval_frequency"] <= 703  # step 703 is the last


def test_linear_schedule_of_one_step_evaluates():
    assert linear_schedule(1, batch=16, epochs=1, rate=1.0, warmup=10)["training.eval_frequency"] == 1


@pytest.mark.parametrize(
    ("batches", "frequency", "last"),
    [
        ([1, 1, 1, 1, 1], 1, 5),
        ([4, 4, 4, 4, 3], 3, 18),
        ([407, 283, 216, 177, 150], 176, 1232),  # seven evaluations: five would be more than 200 steps apart
    ],
)
def test_stepwise_schedule_ends_on_an_evaluation(batches, frequency, last):
    epochs = iter(batches)
    schedule = stepwise_schedule([], lambda docs: range(next(epochs)), epochs=5)
    assert schedule == {"training.eval_frequency": frequency, "training.max_steps": last}
