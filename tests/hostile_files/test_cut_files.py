"""Saved files that were cut, changed, exchanged or lost: one clear error each, and never a silent load."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest
import spacy
import torch
from hostile_support import PIPE, make_pipeline

from spacy_llama_ner.network.storage import load_network
from spacy_llama_ner.network.types import BackboneSource, NetworkSettings

HEAD = "head.safetensors"
ADAPTER = "adapter/adapter_model.safetensors"
ADAPTER_CONFIG = "adapter/adapter_config.json"
BACKBONE = "backbone/model.safetensors"
BACKBONE_CONFIG = "backbone/config.json"
TOKENIZER = "tokenizer/tokenizer.json"
FILES = [
    HEAD,
    ADAPTER,
    ADAPTER_CONFIG,
    BACKBONE,
    BACKBONE_CONFIG,
    TOKENIZER,
    "tokenizer/tokenizer_config.json",
]


@pytest.fixture
def model(saved_inside, copy_of):
    """The folder `model` of a saved pipeline with its backbone inside, to be damaged."""
    return copy_of(saved_inside) / PIPE / "model"


def load(folder):
    source = BackboneSource(str(folder / "nowhere"))
    return load_network(folder, source=source, labels=["PER", "LOC"], settings=NetworkSettings(lora_rank=4))


def places(data, count):
    """Evenly many positions, and those around the header of a safetensors file: its length, and its end."""
    header = min(8 + int.from_bytes(data[:8], "little"), len(data) - 1)
    around = {0, 1, 7, 8, 9, header - 1, header, header + 1, len(data) // 2, len(data) - 2, len(data) - 1}
    even = {round(len(data) * part / count) for part in range(count)}
    return sorted(place for place in even | around if 0 <= place < len(data))


def forge(folder, name):
    """Write a file's new checksum to the manifest, as if it had been saved so."""
    manifest = json.loads((folder / "network.json").read_text(encoding="utf8"))
    manifest["files"][name] = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    (folder / "network.json").write_text(json.dumps(manifest), encoding="utf8")


@pytest.mark.parametrize("name", FILES)
def test_file_cut_anywhere_is_named(model, name):
    data = (model / name).read_bytes()
    for place in places(data, 30):
        (model / name).write_bytes(data[:place])
        with pytest.raises(
            ValueError, match=f"{name} was cut or changed after it was saved .*save or install"
        ):
            load(model)
    (model / name).write_bytes(data)
    load(model)


@pytest.mark.parametrize("name", FILES)
def test_file_with_one_changed_byte_is_named(model, name):
    data = (model / name).read_bytes()
    for number, place in enumerate(places(data, 30)):
        changed = bytearray(data)
        changed[place] ^= 1 << number % 8
        (model / name).write_bytes(changed)
        with pytest.raises(
            ValueError, match=f"{name} was cut or changed after it was saved .*save or install"
        ):
            load(model)


@pytest.mark.parametrize("name", FILES)
def test_file_that_is_lost_is_named(model, name):
    (model / name).unlink()
    with pytest.raises(ValueError, match=f"{name} is missing; save or install the pipeline again"):
        load(model)


@pytest.mark.parametrize("name", FILES)
def test_file_that_is_a_folder_is_named(model, name):
    (model / name).unlink()
    (model / name).mkdir()
    with pytest.raises(ValueError, match=f"{name} is missing; save or install the pipeline again"):
        load(model)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (HEAD, "cannot read the saved weights"),
        (ADAPTER, "cannot read the saved weights"),
        (BACKBONE, "cannot load the backbone"),
        (BACKBONE_CONFIG, "cannot load the backbone"),
        (TOKENIZER, "cannot load the tokenizer"),
    ],
)
def test_cut_file_whose_checksum_was_forged_is_no_silent_load(model, name, message):
    """What the checksum protects from, without it."""
    data = (model / name).read_bytes()
    for place in places(data.rstrip(), 4):
        (model / name).write_bytes(data[:place])
        forge(model, name)
        with pytest.raises(ValueError, match=f"{model}.*{message}|{message}.*{model}"):
            load(model)


@pytest.mark.parametrize("name", [HEAD, ADAPTER, BACKBONE])
def test_changed_header_whose_checksum_was_forged_is_no_crash(model, name):
    data = (model / name).read_bytes()
    for place in range(8):  # the header's length: up to 2^63 bytes
        changed = bytearray(data)
        changed[place] ^= 0x40
        (model / name).write_bytes(changed)
        forge(model, name)
        with pytest.raises(ValueError, match="cannot read the saved weights|cannot load the backbone"):
            load(model)


def test_manifest_cut_anywhere_is_named(model):
    data = (model / "network.json").read_bytes()
    for place in range(0, len(data), 7):
        (model / "network.json").write_bytes(data[:place])
        with pytest.raises(ValueError, match="network.json is damaged .*save or install the pipeline again"):
            load(model)


def test_manifest_with_a_changed_byte_is_an_error_or_changes_nothing(model):
    expected = load(model).state_dict()
    data = (model / "network.json").read_bytes()
    errors = []
    for place in range(0, len(data), 13):
        changed = bytearray(data)
        changed[place] ^= 1
        (model / "network.json").write_bytes(changed)
        try:
            weights = load(model).state_dict()
        except ValueError as error:
            errors.append(str(error))
        else:  # such as a space, or the name of a backbone that is inside
            assert weights.keys() == expected.keys()
            assert all(torch.equal(weights[name], expected[name]) for name in expected)
    assert len(errors) > 50
    assert all(str(model) in message for message in errors)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "network.json is damaged"),
        (b"[]", "network.json is damaged"),
        (b"null", "network.json is damaged"),
        (b"\xff\xfe\x00", "network.json is damaged"),
        (b'{"format": 2}', "network.json is damaged"),
        (b'{"format": 2, "files": {}}', "has format 2, this version of spacy-llama-ner reads format 1"),
        (b'{"format": "1", "files": {}}', "has format 1, this version"),
        (b"[" * 100_000, "network.json is damaged"),
    ],
    ids=["empty", "list", "null", "not text", "half", "later", "text as version", "deep"],
)
def test_manifest_of_other_content_is_named(model, content, message):
    (model / "network.json").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        load(model)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda m: m.update(labels=["LOC", "PER"]),
            r"component has labels \['PER', 'LOC'\], saved weights have",
        ),
        (lambda m: m.update(labels="PER"), "component has labels .*, saved weights have"),
        (lambda m: m["settings"].update(lora_rank=8), "lora_rank: config has 4, saved weights have 8"),
        (lambda m: m["settings"].update(peft=None), "peft: config has 'lora', saved weights have None"),
        (
            lambda m: m["settings"].pop("lora_rank"),  # and so the default
            "lora_rank: config has 4, saved weights have 16",
        ),
        (lambda m: m["settings"].pop("peft"), "network.json is damaged"),
        (lambda m: m["files"].pop(HEAD), f"does not list {HEAD}"),
        (lambda m: m["files"].pop(BACKBONE), f"does not list {BACKBONE}"),
        (lambda m: m["files"].update({"../cfg": "0"}), "cfg was cut or changed"),
        (lambda m: m["files"].update({"more.bin": "0"}), "more.bin is missing"),
        (lambda m: m["backbone"].update(inside=False), "cannot load the backbone '.*nowhere'"),
        (lambda m: m["backbone"].update(inside="no"), "network.json is damaged"),
    ],
    ids=[
        "labels in another order",
        "text as labels",
        "rank",
        "peft",
        "setting lost",
        "peft lost",
        "head not listed",
        "backbone not listed",
        "file elsewhere",
        "file more",
        "backbone outside",
        "text as inside",
    ],
)
def test_edited_manifest_is_one_clear_error(model, change, message):
    manifest = json.loads((model / "network.json").read_text(encoding="utf8"))
    change(manifest)
    (model / "network.json").write_text(json.dumps(manifest), encoding="utf8")
    with pytest.raises(ValueError, match=message):
        load(model)


# the component's own cfg


def write_cfg(model, **changes):
    cfg = json.loads((model.parent / "cfg").read_text(encoding="utf8"))
    (model.parent / "cfg").write_text(json.dumps({**cfg, **changes}), encoding="utf8")


def test_cfg_cut_anywhere_is_named(model):
    nlp = spacy.load(model.parents[1])
    data = (model.parent / "cfg").read_bytes()
    for place in range(len(data)):
        (model.parent / "cfg").write_bytes(data[:place])
        with pytest.raises(
            ValueError, match="cfg is missing or damaged .*save or install the pipeline again"
        ):
            nlp.get_pipe(PIPE).from_disk(model.parent, exclude=["vocab"])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": ["PER"]}, r"component has labels \['PER'\], saved weights have \['PER', 'LOC'\]"),
        ({"labels": ["LOC", "PER"]}, r"component has labels \['LOC', 'PER'\], saved weights have"),
        ({"labels": ["PER", "LOC", "ORG"]}, r"component has labels .*'ORG'\], saved weights have"),
        ({"labels": []}, r"component has labels \[\], saved weights have"),
        ({"labels": "PER"}, "cfg is missing or damaged .*expected a list of texts"),
        ({"labels": [1, 2]}, "cfg is missing or damaged .*expected a list of texts"),
        ({"labels": None}, "cfg is missing or damaged .*expected a list of texts"),
    ],
    ids=["fewer", "other order", "more", "none", "text", "numbers", "null"],
)
def test_cfg_whose_labels_do_not_fit_the_head_is_one_clear_error(model, changes, message):
    write_cfg(model, **changes)
    with pytest.raises(ValueError, match=message):
        spacy.load(model.parents[1])


def test_head_of_other_labels_is_one_clear_error(model, tiny_llama, tmp_path):
    """Weights, manifest and cfg that say the same, but the head is another's."""
    other = make_pipeline(tiny_llama, ["PER", "LOC", "ORG"])
    other.to_disk(tmp_path / "other")
    shutil.copy(tmp_path / "other" / PIPE / "model" / HEAD, model / HEAD)
    forge(model, HEAD)
    with pytest.raises(ValueError, match="cannot read the saved weights: .*size mismatch"):
        spacy.load(model.parents[1])


# files of other pipelines


@pytest.mark.parametrize("name", [HEAD, ADAPTER])
def test_file_of_another_pipeline_is_refused(model, tiny_llama, tmp_path, name):
    other = make_pipeline(tiny_llama)
    other.get_pipe(PIPE).shim.network.head.weight.data.zero_()
    for weight_name, weight in other.get_pipe(PIPE).shim.network.named_parameters():
        if "lora_" in weight_name:
            weight.data.zero_()
    other.to_disk(tmp_path / "other")
    shutil.copy(tmp_path / "other" / PIPE / "model" / name, model / name)
    with pytest.raises(ValueError, match=f"{name} was cut or changed after it was saved"):
        spacy.load(model.parents[1])


def test_adapters_of_another_rank_are_refused_by_shape(model, tiny_llama, tmp_path):
    nlp = spacy.blank("xx")
    backbone = {"@misc": "spacy_llama_ner.HuggingFaceBackbone.v1", "name": str(tiny_llama)}
    pipe = nlp.add_pipe(PIPE, config={"model": {"lora_rank": 2, "backbone": backbone}})
    pipe.add_label("PER")
    nlp.initialize()
    nlp.to_disk(tmp_path / "other")
    shutil.copy(tmp_path / "other" / PIPE / "model" / ADAPTER, model / ADAPTER)
    forge(model, ADAPTER)
    with pytest.raises(
        ValueError, match=r"has shape \(2, 32\), .* needs \(4, 32\); the adapters belong to another"
    ):
        spacy.load(model.parents[1])


def test_whole_model_folder_of_another_pipeline_with_other_labels_is_refused(model, tiny_llama, tmp_path):
    make_pipeline(tiny_llama, ["ORG", "DATE"]).to_disk(tmp_path / "other")
    shutil.rmtree(model)
    shutil.copytree(tmp_path / "other" / PIPE / "model", model)
    with pytest.raises(
        ValueError, match=r"component has labels \['PER', 'LOC'\], saved weights have \['ORG', 'DATE'\]"
    ):
        spacy.load(model.parents[1])


@pytest.mark.parametrize("part", [PIPE, f"{PIPE}/cfg", f"{PIPE}/model", f"{PIPE}/model/network.json"])
def test_part_of_a_pipeline_that_is_lost_is_one_clear_error(model, part):
    path = model.parents[1] / part
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    expected = "cfg is missing or damaged" if part.endswith((PIPE, "cfg")) else "network.json is missing"
    with pytest.raises(ValueError, match=f"{expected}.*"):
        spacy.load(Path(model.parents[1]))
