"""Pushing a pipeline to a local hub through the real client, and getting it back."""

import json
import subprocess
import sys

import pytest
import spacy
from hub_client import UploadClient
from hub_uploads import READER, Repository, UploadServer
from pipeline_wheels import LIGHT_TEXT, make_light_pipeline, make_pipeline_wheel
from ruler import save_ruler

TEXT = "Ilse Vandermeer left Norway."  # the names that the ruler knows


@pytest.fixture(scope="module")
def server():
    with UploadServer() as server:
        yield server


@pytest.fixture(scope="module")
def client(server, tmp_path_factory):
    with UploadClient(server, tmp_path_factory.mktemp("home")) as client:
        yield client


@pytest.fixture(scope="module")
def wheels(tmp_path_factory):
    """Wheels of two versions of a pipeline; the second lacks a file of the first."""
    folder = tmp_path_factory.mktemp("wheels")
    pipeline_dir = save_ruler(folder / "model")
    (pipeline_dir / "entity_ruler" / "old.bin").write_bytes(b"old")
    first = make_pipeline_wheel(folder, pipeline_dir, name="ruler_ner", version="0.1.0")
    (pipeline_dir / "entity_ruler" / "old.bin").unlink()
    return first, make_pipeline_wheel(folder, pipeline_dir, name="ruler_ner", version="0.2.0")


def test_push_makes_the_repository_and_spacy_loads_its_snapshot(server, client, pipeline_wheel):
    code, output = client.run("push", pipeline_wheel, "anna/whole")
    assert code == 0, output
    doc = spacy.load(client.download("anna/whole"))(TEXT)
    assert [(ent.text, ent.label_) for ent in doc.ents] == [("Ilse Vandermeer", "PER"), ("Norway", "LOC")]
    files = server.repositories["anna/whole"].branches["main"]
    assert files["README.md"].startswith(b"---\ntags:")
    assert {"config.cfg", "meta.json", ".gitattributes", pipeline_wheel.name} <= files.keys()
    assert not server.repositories["anna/whole"].private


def test_push_sends_large_files_by_lfs(server, client, pipeline_wheel):
    assert client.run("push", pipeline_wheel, "anna/large")[0] == 0
    assert pipeline_wheel.read_bytes() in server.large.values()


def test_push_prints_a_command_that_pip_understands(client, pipeline_wheel, tmp_path):
    _, output = client.run("push", pipeline_wheel.parents[1], "anna/pip")
    address = output.split('pip install "')[1].split('"')[0]
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--no-index",
        "--no-deps",
        "--dest",
        str(tmp_path),
        address,
    ]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    assert (tmp_path / pipeline_wheel.name).read_bytes() == pipeline_wheel.read_bytes()


def test_push_can_send_the_project_wheel_along(server, client, wheels, project_wheel):
    code, output = client.run("push", wheels[0], "anna/both", "--project-wheel", project_wheel)
    assert code == 0, output
    assert project_wheel.name in server.repositories["anna/both"].branches["main"]
    assert f'{project_wheel.name}" "{server.url}/anna/both/resolve/main/{wheels[0].name}"' in output


def test_push_of_a_later_version_removes_what_it_lacks(server, client, wheels):
    client.run("push", wheels[0], "anna/later")
    server.repositories["anna/later"].branches["main"]["LICENSE"] = b"by hand"
    code, output = client.run("push", wheels[1], "anna/later", "--message", "Better")
    assert code == 0, output
    files = server.repositories["anna/later"].branches["main"]
    assert "entity_ruler/old.bin" not in files
    assert {"LICENSE", wheels[0].name, wheels[1].name} <= files.keys()
    assert json.loads(files["meta.json"])["version"] == "0.2.0"
    assert "Removed 1 files that en_ruler_ner 0.2.0 lacks" in output
    assert server.repositories["anna/later"].commits[-1]["summary"] == "Better"


def test_push_twice_makes_one_commit(server, client, wheels):
    client.run("push", wheels[0], "anna/twice")
    code, output = client.run("push", wheels[0], "anna/twice")
    assert code == 0
    assert "has exactly this already" in output
    assert len(server.repositories["anna/twice"].commits) == 1


@pytest.mark.parametrize(
    ("files", "what"),
    [
        ({"a.bin": b"1", "b.bin": b"2"}, "2 files, such as 'a.bin'"),
        ({"meta.json": b'{"lang": "de", "name": "other"}'}, "the pipeline de_other"),
        ({"meta.json": b"no json"}, "1 files, such as 'meta.json'"),
    ],
)
def test_push_refuses_a_repository_with_something_else(server, client, wheels, files, what):
    server.repositories["anna/other"] = Repository(branches={"main": dict(files)})
    code, output = client.run("push", wheels[0], "anna/other")
    assert code == 1
    assert f"has something else in it: {what}" in output
    assert server.repositories["anna/other"].branches["main"] == files


def test_push_replace_removes_everything_else(server, client, wheels):
    files = {"a.bin": b"1", ".gitattributes": b"\n"}
    server.repositories["anna/replaced"] = Repository(branches={"main": files})
    assert client.run("push", wheels[0], "anna/replaced", "--replace")[0] == 0
    files = server.repositories["anna/replaced"].branches["main"]
    assert "a.bin" not in files
    assert {".gitattributes", "config.cfg"} <= files.keys()


def test_push_makes_the_branch(server, client, wheels):
    code, output = client.run("push", wheels[0], "anna/branched", "--revision", "next/one")
    assert code == 0, output
    branches = server.repositories["anna/branched"].branches
    assert "config.cfg" in branches["next/one"]
    assert "config.cfg" not in branches["main"]
    assert f"/resolve/next%2Fone/{wheels[0].name}" in output


def test_push_private(server, client, wheels):
    code, output = client.run("push", wheels[0], "anna/private", "--private")
    assert code == 0
    assert server.repositories["anna/private"].private
    assert "pip cannot install from a private repository" in output


def test_push_private_refuses_a_public_repository(server, client, wheels):
    server.repositories["anna/public"] = Repository()
    code, output = client.run("push", wheels[0], "anna/public", "--private")
    assert code == 1
    assert "anna/public exists and is public" in output
    assert not server.repositories["anna/public"].commits


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        (None, "There is no Hugging Face token here"),
        ("hf_expired", "is not valid (401: Invalid username or password.)"),
        (READER, "may not write to anna/refused (403: You don't have the rights"),
    ],
)
def test_push_without_the_right_to_write(server, client, wheels, token, reason):
    code, output = client.run("push", wheels[0], "anna/refused", token=token)
    assert code == 1
    assert reason in output
    assert "https://huggingface.co/settings/tokens" in output
    assert "anna/refused" not in server.repositories


def test_push_that_breaks_midway_leaves_the_repository_as_it_was(server, client, wheels):
    client.run("push", wheels[0], "anna/broken")
    before = dict(server.repositories["anna/broken"].branches["main"])
    server.large.clear()  # what is there already is not sent
    server.broken.add("/upload/")
    try:
        code, output = client.run("push", wheels[1], "anna/broken")
    finally:
        server.broken.clear()
    assert code == 1
    assert "The upload to anna/broken failed (418" in output
    assert "the repository has nothing of this upload" in output
    assert server.repositories["anna/broken"].branches["main"] == before
    assert client.run("push", wheels[1], "anna/broken")[0] == 0


def test_push_shows_why_the_hub_refuses_a_commit(server, client, wheels):
    server.repositories["anna/odd"] = Repository()
    server.refused.add("/api/models/anna/odd/commit/")
    code, output = client.run("push", wheels[0], "anna/odd")
    server.refused.clear()
    assert code == 1
    assert "The hub refuses the upload to anna/odd (400: Your card is bad)" in output


def test_push_in_offline_mode(client, wheels):
    code, output = client.run("push", wheels[0], "anna/offline", offline=True)
    assert code == 1
    assert "HF_HUB_OFFLINE is set" in output


def test_push_without_a_network(client, wheels):
    code, output = client.run(
        "push", wheels[0], "anna/nowhere", endpoint="http://127.0.0.1:9"
    )  # nobody listens there
    assert code == 1
    assert "http://127.0.0.1:9 was not reached, or the connection broke (ConnectionError)" in output


def test_push_dry_run_asks_the_hub_nothing(server, client, wheels):
    before = list(server.requests)
    assert client.run("push", wheels[0], "anna/dry", "--dry-run", token=None)[0] == 0
    assert server.requests == before


def test_push_light_pipeline_loads_with_a_backbone_from_elsewhere(client, tiny_llama, tmp_path):
    pipeline_dir, expected = make_light_pipeline(tmp_path / "model", tiny_llama)
    wheel = make_pipeline_wheel(tmp_path, pipeline_dir)
    code, output = client.run("push", wheel, "anna/Llama-ner")
    assert code == 0, output
    assert "by reference" in output
    folder = client.download("anna/Llama-ner", ignore_patterns="*.whl")
    nlp = spacy.load(folder, config={"components.llama_crf_ner.model.backbone.name": str(tiny_llama)})
    assert [(ent.text, ent.label_, ent._.score) for ent in nlp(LIGHT_TEXT).ents] == expected
    assert "base_model: unsloth/Llama-3.2-1B-Instruct" in (folder / "README.md").read_text(encoding="utf8")
    assert "Llama 3.2 Community License" in (folder / "NOTICE").read_text(encoding="utf8")
