import pickle

import pytest

from spacy_llama_ner.network.types import BackboneSource, DivergedError, NetworkSettings


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"attention": "sideways"},
            r'attention: expected "causal", "bidirectional" or a range of layers such as .*, got \'sideways\'',
        ),
        ({"pooling": "max"}, r'pooling: expected one of "first", "last", "mean"'),
        ({"peft": "ia3"}, r'peft: expected one of null, "lora"'),
        ({"lora_rank": 0}, "lora_rank: expected a whole number from 1, got 0"),
        ({"lora_alpha": -1}, "lora_alpha: expected a whole number from 1, got -1"),
        ({"lora_dropout": 1.0}, "lora_dropout: expected 0 <= rate < 1, got 1.0"),
        ({"lora_target_modules": []}, "lora_target_modules: empty"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        NetworkSettings(**settings)


@pytest.mark.parametrize(
    ("source", "message"),
    [({"name": ""}, "name is empty"), ({"name": "a/b", "dtype": "int8"}, r"backbone.dtype: expected one of")],
)
def test_source_out_of_range_is_refused(source, message):
    with pytest.raises(ValueError, match=message):
        BackboneSource(**source)


def test_differences_name_every_setting_that_differs():
    saved = NetworkSettings(lora_rank=8, pooling="first").to_dict()
    assert NetworkSettings(lora_rank=4).differences(saved) == [
        "pooling: config has 'last', saved weights have 'first'",
        "lora_rank: config has 4, saved weights have 8",
    ]


def test_diverged_error_survives_a_process():
    error = pickle.loads(pickle.dumps(DivergedError(float("inf"))))
    assert (str(error), error.value) == ("the network's scores became inf", float("inf"))
