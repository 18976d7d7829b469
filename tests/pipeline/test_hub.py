"""Backbones from the hub: the real clients against a local server, each in a process of its own."""

import json
import shutil
import subprocess
import sys

import pytest

SCRIPT = """
import json, sys
import spacy
from spacy.training import Example

name, revision, action = sys.argv[1], json.loads(sys.argv[2]), sys.argv[3]
backbone = {"@misc": "spacy_llama_ner.HuggingFaceBackbone.v1", "name": name, "revision": revision}
if action == "train":
    nlp = spacy.blank("en")
    nlp.add_pipe("llama_crf_ner", config={"model": {"backbone": backbone, "lora_rank": 4}})
    example = Example.from_dict(nlp.make_doc("Anna left"), {"entities": [(0, 4, "PER")]})
    nlp.initialize(lambda: [example])
    nlp.to_disk("nlp")
else:
    nlp = spacy.load("nlp")
reference = nlp.get_pipe("llama_crf_ner").shim.network.reference
emissions = nlp.get_pipe("llama_crf_ner").model.predict([nlp.make_doc("Anna left")])[0].tolist()
print(json.dumps({"name": reference.name, "revision": reference.revision, "emissions": emissions}))
"""


@pytest.fixture
def client(hub_server, tiny_llama, tmp_path):
    """Run the script with the server as the hub, or offline from the cache."""

    def client(action="train", *, name="owner/tiny", revision=None, offline=False, gated=()):
        with hub_server(models={"owner/tiny": tiny_llama}, gated=set(gated)) as hub:
            environment = {**hub.environment(tmp_path / "cache"), "OMP_NUM_THREADS": "1"}
            if offline:
                environment["HF_HUB_OFFLINE"] = "1"
            done = subprocess.run(
                [sys.executable, "-c", SCRIPT, name, json.dumps(revision), action],
                cwd=tmp_path,
                env=environment,
                capture_output=True,
                text=True,
                check=False,
            )
            client.requests = list(hub.requests)
        return json.loads(done.stdout.splitlines()[-1]) if done.returncode == 0 else done.stderr

    return client


def test_backbone_from_the_hub_is_remembered_by_name_and_commit(client):
    found = client()
    assert found["name"] == "owner/tiny"
    assert len(found["revision"]) == 40


def test_pipeline_by_reference_finds_its_backbone_on_the_hub_again(client, tmp_path):
    first = client()
    shutil.rmtree(tmp_path / "cache")
    assert client("load") == first
    assert any(first["revision"] in str(request) for request in client.requests)  # the commit, not the branch


def test_pipeline_by_reference_loads_offline_from_the_cache(client):
    first = client()
    assert client("load", offline=True) == first


def test_backbone_that_is_not_on_the_hub_is_one_clear_error(client):
    error = client(name="owner/none")
    assert "ValueError: cannot load the backbone 'owner/none'" in error
    assert "Check the name" in error


def test_backbone_behind_a_licence_is_one_clear_error(client):
    error = client(gated=["owner/tiny"])
    assert "ValueError: cannot load the backbone 'owner/tiny'" in error
    assert "huggingface-cli login" in error


def test_branch_that_moved_is_not_followed(client, tmp_path):
    first = client(revision="main")
    shutil.rmtree(tmp_path / "cache")
    assert client("load", revision="main") == first
    assert any(f"/resolve/{first['revision']}/" in str(request) for request in client.requests)
    assert not any("/resolve/main/model.safetensors" in str(request) for request in client.requests)
