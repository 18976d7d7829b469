"""Predictions of several threads on one pipeline."""

import random
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
import spacy
import torch
from spacy.training import Example
from spacy_train import TEXTS

PIPE = "llama_crf_ner"
FIRST = ["Anna", "Berlin", "Danish", "Northgate", "Sato", "Lisbon"]


@pytest.fixture
def texts():
    """Sixty texts of 1 to 40 words, with words that no vocabulary has seen before."""
    choice = random.Random(0)
    known = " ".join(text for text, _ in TEXTS).split()
    return [
        " ".join([choice.choice(FIRST), f"w{number}x", *choice.choices(known, k=choice.randrange(40))])
        for number in range(60)
    ]


@pytest.fixture
def _switching():
    """Let Python change threads as often as it can."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


def found(doc):
    return [(ent.text, ent.label_, ent._.score) for ent in doc.ents]


@pytest.fixture
def expected(trained_folder, texts):
    """What one thread gives, on a pipeline of its own."""
    return [found(doc) for doc in map(spacy.load(trained_folder), texts)]


@pytest.mark.usefixtures("_switching")
def test_four_threads_give_exactly_what_one_gives(trained, texts, expected):
    orders = [random.Random(seed).sample(range(len(texts)), len(texts)) for seed in range(4)]
    with ThreadPoolExecutor(4) as pool:
        results = list(
            pool.map(lambda order: {index: found(trained(texts[index])) for index in order}, orders)
        )
    for result in results:
        assert [result[index] for index in range(len(texts))] == expected
    assert sum(map(len, expected)) > 100


@pytest.mark.usefixtures("_switching")
def test_four_threads_give_what_one_gives_in_batches(trained, trained_folder, texts):
    expected = [found(doc) for doc in spacy.load(trained_folder).pipe(texts, batch_size=7)]
    with ThreadPoolExecutor(4) as pool:
        results = list(
            pool.map(lambda _: [found(doc) for doc in trained.pipe(texts, batch_size=7)], range(4))
        )
    assert results == [expected] * 4


@pytest.mark.usefixtures("_switching")
def test_threads_that_follow_an_update_with_dropout_drop_nothing(trained, texts):
    """The update changes no weight, as no optimizer steps; but it has drawn from every dropout."""
    before = [found(doc) for doc in map(trained, texts)]
    examples = [Example.from_dict(trained.make_doc(text), {"entities": ents}) for text, ents in TEXTS]
    trained.update(examples, sgd=False, drop=trained.config["training"]["dropout"])
    network = trained.get_pipe(PIPE).shim.network
    dropouts = [module.p for module in network.modules() if isinstance(module, torch.nn.Dropout)]
    assert dropouts.count(0.5) >= 9  # the head's, and those of four projections in two layers
    with ThreadPoolExecutor(4) as pool:
        assert [found(doc) for doc in pool.map(trained, texts)] == before
