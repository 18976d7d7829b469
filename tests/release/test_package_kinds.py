"""Pipelines in another form: light, without their backbone; full, merged into it."""

import hashlib
import json
import shutil
import zipfile
from functools import partial

import pytest
import spacy
from half_learned import PIPE, make_docs, make_half_learned
from ruler import make_ruler
from spacy.util import load_config
from tiny_models import make_tiny_llama

from spacy_llama_ner.release import kinds
from spacy_llama_ner.release.entities import entities
from spacy_llama_ner.release.kinds import Kind, sizes, write_kind
from spacy_llama_ner.release.package import package_pipeline

NAME = f"components.{PIPE}.model.backbone.name"
TEXTS = [doc.text for doc in make_docs(spacy.blank("en"), 12, seed=0)]


@pytest.fixture(scope="module")
def backbone(tiny_llama, tmp_path_factory):
    """A copy of the backbone, in a folder of another name."""
    return shutil.copytree(tiny_llama, tmp_path_factory.mktemp("backbones") / "here")


@pytest.fixture(scope="module")
def by_reference(backbone, tmp_path_factory):
    """A trained pipeline that refers to its backbone; not to be written to."""
    folder = tmp_path_factory.mktemp("by-reference") / "nlp"
    make_half_learned(backbone).to_disk(folder)
    return folder


@pytest.fixture(scope="module")
def inside(by_reference, tmp_path_factory):
    """The same with its backbone inside."""
    folder = tmp_path_factory.mktemp("inside") / "nlp"
    nlp = spacy.load(by_reference, config={f"components.{PIPE}.model.backbone.save_inside": True})
    nlp.to_disk(folder)
    return folder


@pytest.fixture(scope="module")
def full(by_reference, tmp_path_factory):
    """The full form of it."""
    folder = tmp_path_factory.mktemp("full") / "nlp"
    write_kind(Kind.full, by_reference, folder)
    return folder


def untrained(backbone, folder, **model):
    nlp = spacy.blank("en")
    source = {"@misc": "spacy_llama_ner.HuggingFaceBackbone.v1", "name": str(backbone)}
    nlp.add_pipe("llama_crf_ner", config={"model": {"lora_rank": 4, "backbone": source, **model}})
    nlp.initialize(lambda: [spacy.training.Example(doc, doc) for doc in make_docs(nlp, 4, seed=0)])
    nlp.to_disk(folder)
    return folder


def found(nlp):
    """Entities without their scores, and the scores."""
    ents = [ent for text in entities(nlp, TEXTS) for ent in text]
    return [(ent["start"], ent["end"], ent["label"]) for ent in ents], [ent["score"] for ent in ents]


def model_block(folder):
    return load_config(folder / "config.cfg")["components"][PIPE]["model"]


def checksums(folder):
    return {path: hashlib.sha256(path.read_bytes()).digest() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("form", ["by_reference", "inside"])
def test_light_has_no_backbone_and_predicts_the_same(form, request, tmp_path):
    model_dir = request.getfixturevalue(form)
    write_kind(Kind.light, model_dir, tmp_path / "light")
    assert not list(tmp_path.rglob("backbone"))
    assert model_block(tmp_path / "light")["backbone"]["save_inside"] is False
    assert found(spacy.load(tmp_path / "light")) == found(spacy.load(model_dir))


def test_full_has_everything_and_predicts_the_same_but_for_rounding(by_reference, full, backbone):
    ents, scores = found(spacy.load(by_reference))
    aside = backbone.rename(backbone.with_name("aside"))
    try:
        merged_ents, merged_scores = found(spacy.load(full))
    finally:
        aside.rename(backbone)
    assert merged_ents == ents
    assert len(ents) > 12
    assert merged_scores == pytest.approx(scores, abs=0.05)
    assert merged_scores != scores


def test_full_says_so_in_its_config_and_keeps_what_it_computes_in(by_reference, full):
    before, after = model_block(by_reference), model_block(full)
    assert (before["peft"], after["peft"]) == ("lora", None)
    assert after["backbone"] == {**before["backbone"], "save_inside": True}
    assert not (full / PIPE / "model" / "adapter").exists()
    assert (full / PIPE / "model" / "backbone" / "config.json").is_file()


@pytest.mark.parametrize("kind", [Kind.light, Kind.full])
def test_write_kind_leaves_the_pipeline_as_it_was(inside, tmp_path, kind):
    before = checksums(inside)
    write_kind(kind, inside, tmp_path / "out")
    assert checksums(inside) == before


def test_as_is_is_a_copy(by_reference, tmp_path):
    write_kind(Kind.as_is, by_reference, tmp_path / "out")
    before, after = checksums(by_reference), checksums(tmp_path / "out")
    assert sorted(after.values()) == sorted(before.values())


@pytest.mark.parametrize(
    "model",
    [
        {"freeze_backbone": False, "peft": None},
        {"unfreeze_layers": 1, "gradual_unfreezing_steps": 2},
        {"use_dora": True, "use_rslora": True, "lora_target_modules": "all-linear"},
        {"layers": 1, "attention": "causal"},
    ],
    ids="-".join,
)
def test_full_loads_however_it_was_trained(tiny_llama, tmp_path, model):
    model_dir = untrained(tiny_llama, tmp_path / "nlp", **model)
    write_kind(Kind.full, model_dir, tmp_path / "full")
    shim = spacy.load(tmp_path / "full").get_pipe("llama_crf_ner").shim
    assert shim.settings.peft is None
    assert not shim.settings.trains_backbone


def test_full_keeps_other_components_and_several_of_ours(tiny_llama, by_reference, tmp_path):
    nlp = make_ruler()
    source = spacy.load(by_reference)
    for name in ("first", "second"):
        nlp.add_pipe(PIPE, source=source, name=name)
    nlp.disable_pipe("second")
    nlp.to_disk(tmp_path / "nlp")
    write_kind(Kind.full, tmp_path / "nlp", tmp_path / "full")
    loaded = spacy.load(tmp_path / "full")
    assert loaded.component_names == ["entity_ruler", "first", "second"]
    assert loaded.disabled == ["second"]
    assert {loaded.get_pipe(name).shim.settings.peft for name in ("first", "second")} == {None}
    assert loaded("Lisbon rained.").ents[0].text == "Lisbon"


def test_light_with_a_folder_as_backbone_warns(by_reference, backbone, tmp_path, caplog):
    write_kind(Kind.light, by_reference, tmp_path / "light")
    [record] = caplog.records
    assert f"from a folder of this machine, {str(backbone)!r}" in record.message
    assert NAME in record.message


def test_light_with_a_backbone_of_the_hub_does_not_warn(tmp_path, caplog):
    nlp = spacy.blank("en")
    nlp.add_pipe("llama_crf_ner", name=PIPE)
    nlp.to_disk(tmp_path)
    (tmp_path / PIPE / "model").mkdir()
    saved = {"name": "unsloth/Llama-3.2-1B-Instruct", "revision": "a" * 40, "inside": False}
    (tmp_path / PIPE / "model" / "network.json").write_text(json.dumps({"backbone": saved}))
    kinds._check_light(tmp_path)
    assert not caplog.records


def test_light_that_is_large_says_what_is(by_reference, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(kinds, "LIGHT_BYTES", 10_000)
    write_kind(Kind.light, by_reference, tmp_path / "light")
    message = caplog.records[-1].message
    size = sizes(tmp_path / "light")
    assert f"has {(size['total'] - size['tokenizer']) / 1e6:.1f} MB besides the tokenizer" in message
    assert f"{PIPE}/model/adapter/adapter_model.safetensors (" in message
    assert "tokenizer.json" not in message


def test_light_of_a_backbone_that_was_trained_is_refused(tiny_llama, tmp_path):
    model_dir = untrained(tiny_llama, tmp_path / "nlp", freeze_backbone=False)
    with pytest.raises(ValueError, match=r"'llama_crf_ner' trained all of its backbone .* --kind full"):
        write_kind(Kind.light, model_dir, tmp_path / "light")


def test_light_of_a_merged_pipeline_is_refused(by_reference, tmp_path):
    write_kind(Kind.full, by_reference, tmp_path / "full")
    with pytest.raises(ValueError, match=r"adapters merged into its backbone.*--kind as-is"):
        write_kind(Kind.light, tmp_path / "full", tmp_path / "light")


@pytest.mark.parametrize("kind", [Kind.light, Kind.full])
def test_pipeline_without_our_component_is_refused(model_dir, tmp_path, kind):
    with pytest.raises(ValueError, match=rf"no component llama_crf_ner \(entity_ruler\).* a {kind} package"):
        write_kind(kind, model_dir, tmp_path / "out")


def test_pipeline_without_weights_is_refused(tmp_path):
    nlp = spacy.blank("en")
    nlp.add_pipe("llama_crf_ner")
    nlp.to_disk(tmp_path / "nlp")
    with pytest.raises(ValueError, match="'llama_crf_ner' has no weights: train the pipeline"):
        write_kind(Kind.full, tmp_path / "nlp", tmp_path / "out")


def test_sizes_counts_tokenizers_apart(by_reference):
    size = sizes(by_reference)
    assert size["total"] == sum(path.stat().st_size for path in by_reference.rglob("*") if path.is_file())
    tokenizer = by_reference / PIPE / "model" / "tokenizer"
    assert size["tokenizer"] == sum(path.stat().st_size for path in tokenizer.iterdir())


@pytest.fixture(scope="module")
def installed_light(by_reference, tmp_path_factory):
    """The folder where a light pipeline is installed."""
    folder = tmp_path_factory.mktemp("site-packages")
    wheel = package_pipeline(
        by_reference,
        tmp_path_factory.mktemp("packages"),
        name="light_kind",
        version="1.0",
        write=partial(write_kind, Kind.light),
    )
    zipfile.ZipFile(wheel).extractall(folder)  # as pip does
    return folder


def test_installed_light_pipeline_takes_a_backbone_from_elsewhere(
    installed_light, by_reference, backbone, tmp_path, monkeypatch
):
    monkeypatch.syspath_prepend(installed_light)
    expected = found(spacy.load(by_reference))
    copy = backbone.rename(tmp_path / "copy")
    try:
        with pytest.raises(ValueError, match="model.backbone.name in the component's config at a local copy"):
            spacy.load("en_light_kind")
        assert found(spacy.load("en_light_kind", config={NAME: str(copy)})) == expected
    finally:
        copy.rename(backbone)


def test_installed_light_pipeline_refuses_another_backbone(installed_light, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(installed_light)
    other = make_tiny_llama(tmp_path / "other", seed=1)
    with pytest.raises(ValueError, match="its fingerprint differs"):
        spacy.load("en_light_kind", config={NAME: str(other)})
