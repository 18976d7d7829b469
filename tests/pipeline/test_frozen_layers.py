import pytest
import spacy
from spacy.util import fix_random_seed

PIPE = "llama_crf_ner"


@pytest.fixture
def train(config, examples):
    """A function: a new pipeline that has trained a little, and its losses."""

    def train(**settings):
        fix_random_seed(0)
        nlp = spacy.blank("en")
        nlp.add_pipe(PIPE, config={"model": {**config["model"], "lora_layers": 1, **settings}})
        batch = examples(nlp)
        optimizer = nlp.initialize(lambda: batch)
        return nlp, [nlp.update(batch, sgd=optimizer, drop=0.2)[PIPE] for _ in range(4)]

    return train


def size_of(folder):
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def test_training_with_cache_is_training_without(train):
    (_, plain), (nlp, losses) = train(), train(cache_frozen_layers=1)
    assert losses == pytest.approx(plain, rel=1e-5)
    assert len(nlp.get_pipe(PIPE).shim.network.frozen_layers) == 4


def test_saved_pipeline_has_no_cache_and_goes_on_training(train, examples, tmp_path):
    (plain, _), (nlp, _) = train(), train(cache_frozen_layers=1)
    plain.to_disk(tmp_path / "plain")
    nlp.to_disk(tmp_path / "cached")
    assert size_of(tmp_path / "cached") < size_of(tmp_path / "plain") + 1000
    assert len(nlp.get_pipe(PIPE).to_bytes()) < len(plain.get_pipe(PIPE).to_bytes()) + 1000
    loaded = spacy.load(tmp_path / "cached")
    assert len(loaded.get_pipe(PIPE).shim.network.frozen_layers) == 0
    texts = [eg.text for eg in examples(nlp)]
    assert [doc.to_json() for doc in nlp.pipe(texts)] == [doc.to_json() for doc in loaded.pipe(texts)]
    loaded.update(examples(loaded), sgd=loaded.create_optimizer())
    assert len(loaded.get_pipe(PIPE).shim.network.frozen_layers) == 4


def test_initialize_refuses_a_cache_where_all_layers_have_adapters(train):
    with pytest.raises(
        ValueError, match="cache_frozen_layers: this backbone is trained from its first layer"
    ):
        train(cache_frozen_layers=1, lora_layers=None)


def test_cache_size_is_checked(train):
    with pytest.raises(
        ValueError, match="cache_frozen_layers: expected a whole number of megabytes from 0, got -1"
    ):
        train(cache_frozen_layers=-1)
