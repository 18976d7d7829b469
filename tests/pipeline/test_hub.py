"""Backbones from the hub: the real clients against a local server, each in a process of its own."""

import json
import os
import re
import shutil
import subprocess
import sys
from contextlib import suppress

import pytest
from tiny_models import make_tiny_llama

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

    def client(
        action="train", *, name="owner/tiny", revision=None, offline=False, gone=False, gated=(), cut=0
    ):
        with hub_server(models={"owner/tiny": tiny_llama}, gated=set(gated)) as hub:
            environment = {**hub.environment(tmp_path / "cache"), "OMP_NUM_THREADS": "1"}
            hub.cut = cut
            if gone:
                hub.stop()
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
            client.stderr = done.stderr
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


def test_pipeline_by_reference_loads_from_the_cache_without_a_request(client):
    first = client()
    assert client("load", offline=True) == first
    assert client("load") == first
    assert client.requests == []


def test_backbone_comes_from_the_cache_when_the_hub_is_gone(client):
    first = client()
    assert client(gone=True)["revision"] == first["revision"]
    assert f"taking the model 'owner/tiny' from the cache, at commit {first['revision']}" in client.stderr
    assert "Retrying" not in client.stderr  # the clients alone do so for more than a minute


def test_branch_that_moved_is_not_followed(client, tmp_path):
    first = client(revision="main")
    shutil.rmtree(tmp_path / "cache")
    assert client("load", revision="main") == first
    assert any(f"/resolve/{first['revision']}/" in str(request) for request in client.requests)
    assert not any("/resolve/main/model.safetensors" in str(request) for request in client.requests)


TWICE = """
import sys
from spacy_llama_ner.network.backbone import load_trunk
try:
    load_trunk("owner/sharded")
except ValueError as error:
    print(error, file=sys.stderr)
load_trunk("owner/sharded")
"""


@pytest.fixture(scope="module")
def terminal(hub_server, tmp_path_factory):
    """What a terminal shows while a model in shards is loaded; a download breaks off, and it is loaded again."""
    pty, termios = pytest.importorskip("pty"), pytest.importorskip("termios")
    model = make_tiny_llama(tmp_path_factory.mktemp("model"), shards=True)
    with hub_server(models={"owner/sharded": model}) as hub:
        hub.cut = 1
        environment = {**hub.environment(tmp_path_factory.mktemp("cache")), "OMP_NUM_THREADS": "1"}
        del environment["HF_HUB_DISABLE_PROGRESS_BARS"]
        screen, end = pty.openpty()
        termios.tcsetwinsize(end, (24, 120))  # a bar needs some width
        process = subprocess.Popen([sys.executable, "-c", TWICE], env=environment, stderr=end)
        os.close(end)
        shown = b""
        with suppress(OSError):  # how Linux says that the other end is closed
            while part := os.read(screen, 4096):
                shown += part
        os.close(screen)
        assert process.wait() == 0, shown.decode()
    return shown.decode()


def test_download_shows_a_progress_bar_on_a_terminal(terminal):
    assert re.search(r"\.safetensors: 100%\|", terminal), terminal


def test_broken_download_is_one_clear_error_and_goes_on_when_it_is_run_again(terminal):
    assert re.search(
        "cannot load the backbone 'owner/sharded': .* or the connection broke: .*run it again", terminal
    )
