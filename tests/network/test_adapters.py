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


def test_add_lora_to_all_linear_layers_leaves_an_idle_pooler_out(tiny_bert):
    model = add_lora(load_trunk(str(tiny_bert)), NetworkSettings(lora_target_modules="all-linear"))
    adapted = {name.split(".lora_A")[0] for name, _ in model.named_parameters() if ".lora_A" in name}
    assert len(adapted) == 12  # query, key, value and three dense layers, twice
    assert not any("pooler" in name for name in adapted)


@pytest.mark.parametrize(("backbone", "count"), [("tiny_llama", 8), ("tiny_bert", 8)])
def test_add_lora_to_the_attention_finds_it_in_any_model(request, backbone, count):
    trunk = load_trunk(str(request.getfixturevalue(backbone)))
    model = add_lora(trunk, NetworkSettings(lora_target_modules="attention"))
    adapted = [name for name, _ in model.named_parameters() if ".lora_A" in name]
    assert len(adapted) == count
    assert all("att" in name for name in adapted)


def test_add_lora_with_rslora_scales_by_the_root_of_the_rank(tiny_llama):
    settings = NetworkSettings(lora_rank=16, lora_alpha=32, use_rslora=True)
    model = add_lora(load_trunk(str(tiny_llama)), settings)
    assert model.get_base_model().layers[0].self_attn.q_proj.scaling == {"default": 8.0}


def test_add_lora_with_dora_begins_with_the_weights_own_sizes_whatever_their_precision(tiny_llama):
    trunk = load_trunk(str(tiny_llama), dtype="bfloat16")
    model = add_lora(trunk, NetworkSettings(use_dora=True))
    attention = model.get_base_model().layers[0].self_attn
    magnitude = attention.q_proj.lora_magnitude_vector["default"].weight
    expected = attention.q_proj.base_layer.weight.float().norm(dim=1)
    assert magnitude.dtype == torch.float32
    assert magnitude.requires_grad
    torch.testing.assert_close(magnitude.detach(), expected, atol=0.0, rtol=1e-6)


def test_add_lora_with_dora_learns_magnitudes(tiny_llama):
    model = add_lora(load_trunk(str(tiny_llama)), NetworkSettings(use_dora=True))
    assert (
        sum("lora_magnitude_vector" in name for name, w in model.named_parameters() if w.requires_grad) == 8
    )
