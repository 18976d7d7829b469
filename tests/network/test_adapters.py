import json

import pytest
import torch
from peft import PeftModel

from spacy_llama_ner.network.adapters import add_lora, load_adapters, save_adapters
from spacy_llama_ner.network.backbone import load_trunk
from spacy_llama_ner.network.types import NetworkSettings

IDS = torch.tensor([[0, 5, 6, 7, 8]])


@pytest.fixture
def trained(tiny_llama):
    model = add_lora(load_trunk(str(tiny_llama)), NetworkSettings(lora_rank=4)).eval()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "lora_B" in name:
                weight.normal_()
    return model


def test_add_lora_changes_nothing_before_training(tiny_llama):
    trunk = load_trunk(str(tiny_llama))
    with torch.no_grad():
        before = trunk(IDS).last_hidden_state
        after = add_lora(trunk, NetworkSettings()).eval()(input_ids=IDS).last_hidden_state
    assert torch.equal(before, after)


def test_add_lora_names_the_modules_that_there_are(tiny_bert):
    with pytest.raises(ValueError, match=r"no linear layer named q_proj.*it has dense, key, query, value"):
        add_lora(load_trunk(str(tiny_bert)), NetworkSettings())


def test_add_lora_keeps_adapters_in_float32_on_a_bfloat16_backbone(tiny_llama):
    model = add_lora(load_trunk(str(tiny_llama), dtype="bfloat16"), NetworkSettings())
    assert {w.dtype for name, w in model.named_parameters() if "lora_" in name} == {torch.float32}


def test_adapters_load_back_equal(trained, tiny_llama, tmp_path):
    save_adapters(trained, tmp_path, base_name="owner/name")
    other = add_lora(load_trunk(str(tiny_llama)), NetworkSettings(lora_rank=4)).eval()
    load_adapters(other, tmp_path)
    with torch.no_grad():
        assert torch.equal(trained(input_ids=IDS).last_hidden_state, other(input_ids=IDS).last_hidden_state)


def test_adapters_are_a_folder_that_peft_reads(trained, tiny_llama, tmp_path):
    save_adapters(trained, tmp_path, base_name="owner/name")
    other = PeftModel.from_pretrained(load_trunk(str(tiny_llama)), str(tmp_path)).eval()
    with torch.no_grad():
        assert torch.equal(trained(input_ids=IDS).last_hidden_state, other(input_ids=IDS).last_hidden_state)


def test_adapters_record_the_name_and_no_path(trained, tiny_llama, tmp_path):
    save_adapters(trained, tmp_path, base_name="owner/name")
    config = json.loads((tmp_path / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == "owner/name"
    assert str(tiny_llama) not in (tmp_path / "adapter_config.json").read_text()


def test_load_adapters_refuses_another_rank(trained, tiny_llama, tmp_path):
    save_adapters(trained, tmp_path, base_name="owner/name")
    other = add_lora(load_trunk(str(tiny_llama)), NetworkSettings(lora_rank=8))
    with pytest.raises(ValueError, match=r"has shape \(4, 32\).*needs \(8, 32\)"):
        load_adapters(other, tmp_path)
