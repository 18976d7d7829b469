import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from tiny_models import make_tiny_llama

from spacy_llama_ner import replacement
from spacy_llama_ner.network import storage
from spacy_llama_ner.network.backbone import load_trunk
from spacy_llama_ner.network.network import TaggingNetwork
from spacy_llama_ner.network.storage import load_network, save_network
from spacy_llama_ner.network.types import BackboneSource, NetworkSettings, PieceBatch

LABELS = ["PER", "LOC"]
BATCH = PieceBatch([[0, 5, 6, 7, 8]], np.zeros(4, np.int64), np.arange(1, 5), np.arange(4), [4])
SETTINGS = NetworkSettings(lora_rank=4)


def build(backbone, settings=SETTINGS):
    torch.manual_seed(0)
    network = TaggingNetwork.build(BackboneSource(str(backbone)), LABELS, settings)
    with torch.no_grad():  # as if trained: nothing is at its initial value
        for weight in network.parameters():
            if weight.requires_grad:
                weight.add_(torch.randn_like(weight) * 0.1)
    return network


def build_narrow(backbone, settings):
    torch.manual_seed(0)
    network = TaggingNetwork.build(BackboneSource(str(backbone), dtype="bfloat16"), LABELS, settings)
    with torch.no_grad():
        for weight in network.parameters():
            if weight.requires_grad:
                weight.add_(torch.randn_like(weight) * 1e-3)  # less than bfloat16 can tell
    return network


def load(folder, backbone, settings=SETTINGS, labels=LABELS):
    return load_network(folder, source=BackboneSource(str(backbone)), labels=labels, settings=settings)


def emissions(network):
    return network.predict(BATCH, max_batch_pieces=100)[0]


@pytest.mark.parametrize("save_inside", [True, False])
@pytest.mark.parametrize(
    "settings",
    [
        SETTINGS,
        NetworkSettings(peft=None),
        NetworkSettings(peft=None, freeze_backbone=False),
        NetworkSettings(lora_rank=4, freeze_backbone=False),
        NetworkSettings(use_crf=False, attention="causal", pooling="mean"),
        NetworkSettings(lora_rank=4, unfreeze_layers=1),
        NetworkSettings(lora_rank=4, layers=1, attention="bidirectional[0:1]"),
        NetworkSettings(
            lora_rank=4, use_dora=True, use_rslora=True, lora_layers=1, lora_target_modules="all-linear"
        ),
    ],
    ids=[
        "lora",
        "head only",
        "all weights",
        "all weights and lora",
        "softmax",
        "one layer and lora",
        "first layer only",
        "dora",
    ],
)
def test_network_loads_back_equal_and_trainable(tiny_llama, tmp_path, settings, save_inside):
    network = build(tiny_llama, settings)
    save_network(network, tmp_path / "net", save_inside=save_inside)
    loaded = load(tmp_path / "net", tiny_llama, settings)
    np.testing.assert_allclose(emissions(loaded), emissions(network), atol=1e-6)
    assert loaded.decode([emissions(loaded)]) == network.decode([emissions(network)])
    trainable = {name for name, weight in network.named_parameters() if weight.requires_grad}
    assert {name for name, weight in loaded.named_parameters() if weight.requires_grad} == trainable


def test_network_with_its_backbone_inside_needs_no_other(tiny_llama, tmp_path):
    network = build(tiny_llama)
    save_network(network, tmp_path / "net", save_inside=True)
    loaded = load(tmp_path / "net", tmp_path / "no such folder")
    np.testing.assert_allclose(emissions(loaded), emissions(network), atol=1e-6)


def test_backbone_by_reference_can_be_a_copy_elsewhere(tiny_llama, tmp_path):
    network = build(tiny_llama)
    save_network(network, tmp_path / "net", save_inside=False)
    assert not (tmp_path / "net" / "backbone").exists()
    shutil.copytree(tiny_llama, tmp_path / "copy")
    np.testing.assert_allclose(
        emissions(load(tmp_path / "net", tmp_path / "copy")), emissions(network), atol=1e-6
    )


def test_another_backbone_of_the_same_shape_is_refused(tiny_llama, tmp_path):
    save_network(build(tiny_llama), tmp_path / "net", save_inside=False)
    other = make_tiny_llama(tmp_path / "other", seed=1)
    with pytest.raises(ValueError, match=r"is not the one these weights were trained with .*fingerprint"):
        load(tmp_path / "net", other)


def test_frozen_bfloat16_backbone_is_saved_in_bfloat16(tiny_llama, tmp_path):
    half = tmp_path / "half"
    shutil.copytree(tiny_llama, half)
    load_trunk(str(tiny_llama), dtype="bfloat16").save_pretrained(str(half))
    save_network(build(half), tmp_path / "net", save_inside=True)  # loaded in float32
    saved = load_file(tmp_path / "net" / "backbone" / "model.safetensors")
    assert {weight.dtype for weight in saved.values()} == {torch.bfloat16}


def test_weights_that_bfloat16_would_change_are_saved_in_float32(tiny_llama, tmp_path):
    save_network(build(tiny_llama), tmp_path / "net", save_inside=True)
    saved = load_file(tmp_path / "net" / "backbone" / "model.safetensors")
    assert saved["embed_tokens.weight"].dtype == torch.float32


@pytest.mark.parametrize(
    "name",
    [
        "head.safetensors",
        "adapter/adapter_model.safetensors",
        "backbone/model.safetensors",
        "tokenizer/tokenizer.json",
    ],
)
@pytest.mark.parametrize("damage", ["missing", "cut", "changed"])
def test_damaged_file_is_named(tiny_llama, tmp_path, name, damage):
    folder = tmp_path / "net"
    save_network(build(tiny_llama), folder, save_inside=True)
    file = folder / name
    data = bytearray(file.read_bytes())
    if damage == "missing":
        file.unlink()
    elif damage == "cut":
        file.write_bytes(data[: len(data) // 2])
    else:
        data[-2] ^= 1
        file.write_bytes(data)
    with pytest.raises(ValueError, match=f"{name}.* (is missing|was cut or changed)"):
        load(folder, tiny_llama)


def test_missing_manifest_is_named(tmp_path, tiny_llama):
    with pytest.raises(ValueError, match=r"network.json is missing"):
        load(tmp_path / "nothing", tiny_llama)


def test_damaged_manifest_is_named(tmp_path, tiny_llama):
    save_network(build(tiny_llama), tmp_path / "net", save_inside=False)
    manifest = tmp_path / "net" / "network.json"
    manifest.write_text(manifest.read_text()[:-10])
    with pytest.raises(ValueError, match=r"network.json is damaged"):
        load(tmp_path / "net", tiny_llama)


def test_manifest_of_a_later_format_is_refused(tmp_path, tiny_llama):
    save_network(build(tiny_llama), tmp_path / "net", save_inside=False)
    manifest = tmp_path / "net" / "network.json"
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "format": 99}))
    with pytest.raises(ValueError, match=r"has format 99, this version .* reads format 1"):
        load(tmp_path / "net", tiny_llama)


def test_config_that_does_not_fit_the_weights_is_refused(tmp_path, tiny_llama):
    save_network(build(tiny_llama), tmp_path / "net", save_inside=False)
    with pytest.raises(
        ValueError, match=r"attention: config has 'causal', saved weights have 'bidirectional'"
    ):
        load(tmp_path / "net", tiny_llama, NetworkSettings(lora_rank=4, attention="causal"))


def test_other_labels_are_refused(tmp_path, tiny_llama):
    save_network(build(tiny_llama), tmp_path / "net", save_inside=False)
    with pytest.raises(ValueError, match=r"component has labels \['LOC', 'PER'\], saved weights have"):
        load(tmp_path / "net", tiny_llama, labels=["LOC", "PER"])


def test_failed_save_leaves_the_old_one_whole(tmp_path, tiny_llama, monkeypatch):
    network = build(tiny_llama)
    save_network(network, tmp_path / "net", save_inside=False)

    def fail(*args, **kwargs):
        raise OSError("disk full")

    monkeypatch.setattr(storage, "save_adapters", fail)
    with pytest.raises(OSError, match="disk full"):
        save_network(network, tmp_path / "net", save_inside=False)
    assert [path.name for path in tmp_path.iterdir()] == ["net"]
    np.testing.assert_allclose(emissions(load(tmp_path / "net", tiny_llama)), emissions(network), atol=1e-6)


def test_saved_files_hold_no_pickle_and_are_readable_by_all(tmp_path, tiny_llama):
    save_network(build(tiny_llama), tmp_path / "net", save_inside=True)
    files = [path for path in (tmp_path / "net").rglob("*") if path.is_file()]
    assert {path.suffix for path in files} == {".json", ".safetensors"}
    assert {path.stat().st_mode & 0o777 for path in files} == {0o644}


def test_interrupted_swap_leaves_the_old_one_whole(tmp_path, tiny_llama, monkeypatch):
    """Where two folders cannot change places in one step."""
    network = build(tiny_llama)
    save_network(network, tmp_path / "net", save_inside=False)
    monkeypatch.setattr(replacement, "_exchange", lambda one, two: False)
    rename = Path.rename

    def interrupt(self, target):
        if self.name.startswith(".net-draft-"):
            raise KeyboardInterrupt
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", interrupt)
    with pytest.raises(KeyboardInterrupt):
        save_network(network, tmp_path / "net", save_inside=False)
    monkeypatch.undo()
    assert [path.name for path in tmp_path.iterdir()] == ["net"]
    np.testing.assert_allclose(emissions(load(tmp_path / "net", tiny_llama)), emissions(network), atol=1e-6)


def test_save_removes_what_a_killed_save_left(tmp_path, tiny_llama):
    (tmp_path / ".net-draft-killed").mkdir()
    save_network(build(tiny_llama), tmp_path / "net", save_inside=False)
    assert [path.name for path in tmp_path.iterdir()] == ["net"]


def test_save_over_a_file_is_refused(tmp_path, tiny_llama):
    (tmp_path / "net").write_text("something")
    with pytest.raises(ValueError, match="is a file; a network is saved to a folder"):
        save_network(build(tiny_llama), tmp_path / "net", save_inside=False)


def test_save_over_a_link_writes_where_it_points(tmp_path, tiny_llama):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    save_network(build(tiny_llama), tmp_path / "link", save_inside=False)
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real" / "network.json").is_file()


def test_folder_that_is_gone_is_not_looked_for_on_the_hub(tmp_path, tiny_llama):
    shutil.copytree(tiny_llama, tmp_path / "gone")
    save_network(build(tmp_path / "gone"), tmp_path / "net", save_inside=False)
    shutil.rmtree(tmp_path / "gone")
    with pytest.raises(ValueError, match=r"it was a folder where this pipeline was trained"):
        load(tmp_path / "net", tmp_path / "gone")


def without(*path):
    def change(manifest):
        for key in path[:-1]:
            manifest = manifest[key]
        del manifest[path[-1]]

    return change


@pytest.mark.parametrize(
    "change",
    [
        without("backbone", "fingerprint"),
        without("backbone", "inside"),
        without("settings"),
        without("labels"),
        without("files", "head.safetensors"),
        without("files", "adapter/adapter_model.safetensors"),
        without("files", "tokenizer/tokenizer.json"),
        lambda manifest: manifest["backbone"].update(unknown=1),
        lambda manifest: manifest.update(settings=["causal"]),
        lambda manifest: manifest.update(files=["head.safetensors"]),
    ],
)
def test_manifest_that_was_changed_is_named(tmp_path, tiny_llama, change):
    save_network(build(tiny_llama), tmp_path / "net", save_inside=False)
    path = tmp_path / "net" / "network.json"
    manifest = json.loads(path.read_text())
    change(manifest)
    path.write_text(json.dumps(manifest))
    with pytest.raises(ValueError, match=r"network.json is damaged"):
        load(tmp_path / "net", tiny_llama)


@pytest.mark.parametrize("save_inside", [True, False])
@pytest.mark.parametrize(
    "settings",
    [NetworkSettings(peft=None, unfreeze_layers=1), NetworkSettings(peft=None, freeze_backbone=False)],
    ids=["one layer", "all weights"],
)
def test_trained_weights_of_a_bfloat16_backbone_are_saved_in_float32(
    tiny_llama, tmp_path, settings, save_inside
):
    network = build_narrow(tiny_llama, settings)
    save_network(network, tmp_path / "net", save_inside=save_inside)
    source = BackboneSource(str(tiny_llama), dtype="bfloat16")
    loaded = load_network(tmp_path / "net", source=source, labels=LABELS, settings=settings)
    saved = dict(network.trunk.named_parameters())
    for name, weight in loaded.trunk.named_parameters():
        assert weight.dtype == saved[name].dtype
        assert torch.equal(weight, saved[name])


def test_unfrozen_layers_are_saved_beside_a_reference(tiny_llama, tmp_path):
    network = build(tiny_llama, NetworkSettings(lora_rank=4, unfreeze_layers=1))
    save_network(network, tmp_path / "net", save_inside=False)
    assert not (tmp_path / "net" / "backbone").exists()
    names = load_file(tmp_path / "net" / "unfrozen.safetensors").keys()
    assert {name.split(".")[0] for name in names} == {"layers", "norm"}
    assert all(name.startswith(("layers.1.", "norm")) for name in names)


def test_missing_unfrozen_layers_are_one_clear_error(tiny_llama, tmp_path):
    settings = NetworkSettings(lora_rank=4, unfreeze_layers=1)
    save_network(build(tiny_llama, settings), tmp_path / "net", save_inside=False)
    (tmp_path / "net" / "unfrozen.safetensors").unlink()
    with pytest.raises(ValueError, match=r"unfrozen.safetensors is missing; save or install"):
        load(tmp_path / "net", tiny_llama, settings)


def test_network_saved_before_a_setting_existed_loads(tiny_llama, tmp_path):
    save_network(build(tiny_llama), tmp_path / "net", save_inside=False)
    manifest = json.loads((tmp_path / "net" / "network.json").read_text())
    for name in ("layers", "lora_layers", "unfreeze_layers", "use_dora", "use_rslora"):
        del manifest["settings"][name]
    (tmp_path / "net" / "network.json").write_text(json.dumps(manifest))
    assert load(tmp_path / "net", tiny_llama).settings == SETTINGS
