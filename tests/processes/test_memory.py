"""Memory while a pipeline predicts on and on."""

import gc
import random
import sys
from contextlib import nullcontext
from pathlib import Path

import pytest
import torch
from spacy_train import TEXTS

WORDS = " ".join(text for text, _ in TEXTS).split()
MIB = 2**20
linux_only = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")


def resident():
    """RETURNS (int): Bytes of memory that this process holds."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096


def texts(count, *, seed, new_words=False):
    """YIELDS (str): Texts of 1 to 25 words; of four sentences' words, or with one that nobody has seen yet."""
    choice = random.Random(seed)
    for number in range(count):
        words = choice.choices(WORDS, k=choice.randrange(1, 26))
        yield " ".join([*words, f"new{seed}x{number}"] if new_words else words)


def growth(nlp, *, warm_up, count, new_words, zone):
    """RETURNS (float): MiB that the process grows by over `count` docs, after `warm_up` docs."""

    def predict(number, seed):
        entities = 0
        for start in range(0, number, 500):
            with nlp.memory_zone() if zone else nullcontext():
                chunk = texts(500, seed=seed + start, new_words=new_words)
                entities += sum(len(doc.ents) for doc in nlp.pipe(chunk, batch_size=64))
        return entities

    predict(warm_up, 0)
    before = resident()
    assert predict(count, 10**6) > count / 4
    return (resident() - before) / MIB


@linux_only
@pytest.mark.parametrize(
    ("warm_up", "count"),
    [(1_000, 2_000), pytest.param(5_000, 15_000, marks=pytest.mark.slow)],
    ids=["3,000 docs", "20,000 docs"],
)
@pytest.mark.parametrize(
    ("new_words", "zone"), [(False, False), (True, True)], ids=["known words", "new words in a memory zone"]
)
def test_memory_stays_flat(trained, warm_up, count, new_words, zone):
    grown = growth(trained, warm_up=warm_up, count=count, new_words=new_words, zone=zone)
    print(f"grown by {grown:.1f} MiB")
    assert grown < 4


def test_memory_zone_leaves_predictions_as_they_are(trained):
    def found():
        return [
            [(ent.text, ent.label_, ent._.score) for ent in doc.ents]
            for doc in trained.pipe(t for t, _ in TEXTS)
        ]

    before = found()
    with trained.memory_zone():
        assert found() == before
        list(trained.pipe(texts(50, seed=0, new_words=True)))
    strings = len(trained.vocab.strings)
    assert found() == before
    assert len(trained.vocab.strings) == strings
    assert sum(map(len, before)) == 6


def test_docs_hold_no_tensor(trained):
    def tensors():
        gc.collect()
        return sum(issubclass(type(thing), torch.Tensor) for thing in gc.get_objects())

    list(trained.pipe(texts(10, seed=0)))
    before = tensors()
    docs = list(trained.pipe(texts(100, seed=1)))
    assert tensors() == before
    assert all(doc.tensor.size == 0 and not doc.user_data for doc in docs)
    # what stays with a doc are three small arrays and lists, not views of a batch's emissions
    arrays = [doc.spans["llama_crf_ner"].attrs[name] for doc in docs for name in ("scores", "offsets")]
    assert all(array.base is None or array.base.size <= array.size for array in arrays)
