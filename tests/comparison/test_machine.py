"""What a time was measured on."""

import pytest
import torch

from spacy_llama_ner.comparison.machine import describe_machine


@pytest.mark.parametrize(("gpu_id", "name"), [(-1, None), (1, "card 1")])
def test_describe_machine_names_the_gpu_that_is_used(monkeypatch, gpu_id, name):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: f"card {device}")
    assert describe_machine(gpu_id=gpu_id)["gpu"] == name
