import copy
import json
import pickle
import shutil
import subprocess
import sys

import numpy as np
import pytest
import spacy
import srsly
from spacy.util import load_model_from_config

from spacy_llama_ner.pipeline import shim as shim_module

PIPE = "llama_crf_ner"
TEXTS = ["Anna Kovac visited Berlin on Monday.", "A Danish court heard Mr. Sato.", "It rained.", ""]


def through_disk(nlp, tmp_path):
    nlp.to_disk(tmp_path / "nlp")
    return spacy.load(tmp_path / "nlp")


def through_bytes(nlp, tmp_path):
    return spacy.blank("en").from_config(nlp.config).from_bytes(nlp.to_bytes())


def through_pickle(nlp, tmp_path):
    return pickle.loads(pickle.dumps(nlp))


def through_deepcopy(nlp, tmp_path):
    return copy.deepcopy(nlp)


def through_component_disk(nlp, tmp_path):
    nlp.get_pipe(PIPE).to_disk(tmp_path / "pipe")
    other = load_model_from_config(nlp.config)
    other.get_pipe(PIPE).from_disk(tmp_path / "pipe")
    return other


def through_component_bytes(nlp, tmp_path):
    other = load_model_from_config(nlp.config)
    other.get_pipe(PIPE).from_bytes(nlp.get_pipe(PIPE).to_bytes())
    return other


def through_disk_twice(nlp, tmp_path):
    return through_disk(through_disk(nlp, tmp_path), tmp_path)


def through_sourcing(nlp, tmp_path):
    other = spacy.blank("en")
    other.add_pipe(PIPE, source=nlp)
    return through_disk(other, tmp_path)


def through_config_sourcing(nlp, tmp_path):
    nlp.to_disk(tmp_path / "source")
    config = {
        "nlp": {"lang": "en", "pipeline": [PIPE]},
        "components": {PIPE: {"source": str(tmp_path / "source")}},
    }
    return load_model_from_config(config, auto_fill=True)


WAYS = [
    through_disk,
    through_bytes,
    through_pickle,
    through_deepcopy,
    through_component_disk,
    through_component_bytes,
    through_disk_twice,
    through_sourcing,
    through_config_sourcing,
]


def emissions(nlp):
    return nlp.get_pipe(PIPE).model.predict([nlp.make_doc(text) for text in TEXTS])


@pytest.mark.parametrize("save_inside", [False, True], ids=["by reference", "inside"])
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_pipeline_is_the_same_after_it_went(trained_template, config, tmp_path, way, save_inside):
    config["model"]["backbone"]["save_inside"] = save_inside
    nlp = spacy.blank("en")
    nlp.add_pipe(PIPE, config=config)
    nlp.from_bytes(trained_template)
    other = way(nlp, tmp_path)
    for one, two in zip(emissions(nlp), emissions(other), strict=True):
        np.testing.assert_allclose(one, two, atol=1e-5)
    for text in TEXTS:
        one, two = nlp(text), other(text)
        assert [(ent.text, ent.label_) for ent in one.ents] == [(ent.text, ent.label_) for ent in two.ents]
        assert [ent._.score for ent in one.ents] == pytest.approx([ent._.score for ent in two.ents])
    network, loaded = nlp.get_pipe(PIPE).shim.network, other.get_pipe(PIPE).shim.network
    trainable = {name for name, weight in network.named_parameters() if weight.requires_grad}
    assert {name for name, weight in loaded.named_parameters() if weight.requires_grad} == trainable
    assert other.get_pipe(PIPE).labels == nlp.get_pipe(PIPE).labels
    assert other.get_pipe(PIPE).model.get_dim("nO") == 9


@pytest.mark.parametrize("way", [through_disk, through_config_sourcing], ids=lambda way: way.__name__)
def test_training_goes_on_after_loading(trained, examples, tmp_path, way):
    nlp = way(trained, tmp_path)
    before = emissions(nlp)[0]
    optimizer = nlp.resume_training()
    losses = nlp.update(examples(nlp), sgd=optimizer)
    assert losses[PIPE] > 0
    assert np.abs(emissions(nlp)[0] - before).max() > 1e-4


def test_untrained_pipeline_saves_and_loads(config, tmp_path):
    nlp = spacy.blank("en")
    nlp.add_pipe(PIPE, config=config)
    assert through_disk(nlp, tmp_path).get_pipe(PIPE).shim.is_empty
    assert through_bytes(nlp, tmp_path).get_pipe(PIPE).shim.is_empty
    assert through_pickle(nlp, tmp_path).get_pipe(PIPE).shim.is_empty


@pytest.mark.parametrize("exclude", [["vocab"], ["cfg"], ["model"]])
def test_excluded_part_is_not_saved(trained, tmp_path, exclude):
    trained.get_pipe(PIPE).to_disk(tmp_path / "pipe", exclude=exclude)
    assert {path.name for path in (tmp_path / "pipe").iterdir()} == {"cfg", "vocab", "model"} - set(exclude)


def test_excluded_part_is_not_loaded(trained, tmp_path):
    pipe = trained.get_pipe(PIPE)
    pipe.to_disk(tmp_path / "pipe")
    other = load_model_from_config(trained.config).get_pipe(PIPE)
    other.from_disk(tmp_path / "pipe", exclude=["model"])
    assert other.labels == pipe.labels
    assert other.shim.is_empty


def test_excluded_model_is_not_in_the_bytes(trained):
    pipe = trained.get_pipe(PIPE)
    assert b"adapter" in pipe.to_bytes()
    assert b"adapter" not in pipe.to_bytes(exclude=["model"])


def test_pipeline_with_its_backbone_inside_loads_where_there_is_no_other(
    trained_template, config, tiny_llama, tmp_path
):
    gone = tmp_path / "gone"
    shutil.copytree(tiny_llama, gone)
    config["model"]["backbone"].update(name=str(gone), save_inside=True)
    nlp = spacy.blank("en")
    nlp.add_pipe(PIPE, config=config)
    nlp.from_bytes(trained_template)
    nlp.to_disk(tmp_path / "nlp")
    shutil.rmtree(gone)
    assert [ent.text for ent in spacy.load(tmp_path / "nlp")(TEXTS[0]).ents] == ["Anna Kovac", "Berlin"]


def test_pipeline_by_reference_can_be_pointed_at_a_local_copy(trained_template, config, tiny_llama, tmp_path):
    gone = tmp_path / "gone"
    shutil.copytree(tiny_llama, gone)
    config["model"]["backbone"]["name"] = str(gone)
    nlp = spacy.blank("en")
    nlp.add_pipe(PIPE, config=config)
    nlp.from_bytes(trained_template)
    nlp.to_disk(tmp_path / "nlp")
    shutil.move(gone, tmp_path / "copy")
    override = {f"components.{PIPE}.model.backbone.name": str(tmp_path / "copy")}
    assert [ent.text for ent in spacy.load(tmp_path / "nlp", config=override)(TEXTS[0]).ents] == [
        "Anna Kovac",
        "Berlin",
    ]
    with pytest.raises(ValueError, match=r"cannot load the backbone .*gone.*no such folder.*at a local copy"):
        spacy.load(tmp_path / "nlp")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("cfg", "cfg is missing or damaged"),
        ("model/network.json", "network.json is missing"),
        ("model/head.safetensors", "head.safetensors is missing"),
        ("model/adapter/adapter_model.safetensors", "adapter_model.safetensors is missing"),
    ],
)
def test_missing_file_of_a_saved_pipeline_is_named(trained, tmp_path, name, message):
    trained.to_disk(tmp_path / "nlp")
    (tmp_path / "nlp" / PIPE / name).unlink()
    with pytest.raises(ValueError, match=message):
        spacy.load(tmp_path / "nlp")


def test_damaged_cfg_is_named(trained, tmp_path):
    trained.to_disk(tmp_path / "nlp")
    (tmp_path / "nlp" / PIPE / "cfg").write_text(json.dumps({"overwrite": False}))
    with pytest.raises(ValueError, match="cfg is missing or damaged"):
        spacy.load(tmp_path / "nlp")


def test_backbone_too_large_for_bytes_is_refused_by_name(trained_template, config, monkeypatch):
    config["model"]["backbone"]["save_inside"] = True
    nlp = spacy.blank("en")
    nlp.add_pipe(PIPE, config=config)
    nlp.from_bytes(trained_template)
    monkeypatch.setattr(shim_module, "MAX_BYTES", 1000)
    with pytest.raises(ValueError, match=r"too large for to_bytes\(\) and pickle; use nlp.to_disk"):
        nlp.to_bytes()


def test_backbone_by_reference_is_not_in_the_bytes(trained_template, config):
    sizes = []
    for save_inside in (False, True):
        config["model"]["backbone"]["save_inside"] = save_inside
        nlp = spacy.blank("en")
        nlp.add_pipe(PIPE, config=config)
        sizes.append(len(nlp.from_bytes(trained_template).get_pipe(PIPE).to_bytes(exclude=["vocab"])))
    assert sizes[1] - sizes[0] > 50_000


def test_untrained_pipeline_with_labels_saves_and_loads(config, tmp_path):
    nlp = spacy.blank("en")
    nlp.add_pipe(PIPE, config=config).add_label("PER")
    loaded = through_disk(nlp, tmp_path).get_pipe(PIPE)
    assert loaded.labels == ("PER",)
    assert loaded.shim.is_empty


def test_untrained_pipeline_saved_over_a_trained_one_stays_untrained(trained, config, tmp_path):
    trained.to_disk(tmp_path / "nlp")
    nlp = spacy.blank("en")
    pipe = nlp.add_pipe(PIPE, config=config)
    for label in trained.get_pipe(PIPE).labels:
        pipe.add_label(label)
    assert through_disk(nlp, tmp_path).get_pipe(PIPE).shim.is_empty


def test_bytes_that_name_a_file_elsewhere_are_refused(trained, tmp_path):
    shim = trained.get_pipe(PIPE).shim
    message = srsly.msgpack_loads(shim.to_bytes())
    for name in (str(tmp_path / "planted"), "../../planted"):
        files = {**message["files"], name: b"x"}
        with pytest.raises(ValueError, match="outside of the network's folder; refused"):
            shim.from_bytes(srsly.msgpack_dumps({**message, "files": files}))
    assert not (tmp_path / "planted").exists()


def test_unpickled_pipeline_gives_scores_in_a_new_process(trained, tmp_path):
    (tmp_path / "nlp.pickle").write_bytes(pickle.dumps(trained))
    code = "import pickle, sys; nlp = pickle.load(open(sys.argv[1], 'rb')); "
    code += "print([ent._.score > 0.5 for ent in nlp('Anna Kovac visited Berlin on Monday.').ents])"
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "nlp.pickle")], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[True, True]"
