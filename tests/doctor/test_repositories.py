"""The backbone and the data set: folders, and the real client against a local hub, in a process of its own."""

import json
import subprocess
import sys

import pytest

from spacy_llama_ner.doctor.repositories import check_folder

SCRIPT = """
import json, sys
from dataclasses import asdict
from spacy_llama_ner.doctor.repositories import check_repository

found = [check_repository("it", name, revision=revision, kind=kind) for name, revision, kind in json.loads(sys.argv[1])]
print(json.dumps([asdict(one) for one in found]))
"""


@pytest.fixture
def ask(tmp_path):
    """A function that asks a hub for repositories: (name, revision, kind)."""

    def run(hub, *wanted, **environment):
        command = [sys.executable, "-c", SCRIPT, json.dumps(wanted)]
        environment = hub.environment(tmp_path / "home") | environment
        done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    return run


def tell_sizes(hub):
    """Let a hub answer as the real one does to `blobs=true`."""
    for repository in hub.repositories.values():
        info = repository.info()
        info["siblings"] = [{"rfilename": name, "size": len(data)} for name, data in repository.files.items()]
        repository.info = lambda info=info: info


def test_check_folder_finds_files_and_licence(tiny_llama, tmp_path):
    folder = tmp_path / "llama"
    folder.mkdir()
    for path in tiny_llama.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    (folder / "README.md").write_text("---\nlicense: cc-by-4.0\n---\n# Card\n", encoding="utf8")
    found = check_folder("backbone", folder)
    assert found.available
    assert found.download == 0
    assert [(row.status, row.found) for row in found.checks[1:]] == [("ok", "cc-by-4.0")]
    assert found.checks[0].figures["weights"] == (folder / "model.safetensors").stat().st_size


def test_check_folder_without_a_card_warns_of_the_licence(tiny_llama):
    row = check_folder("backbone", tiny_llama).checks[1]
    assert (row.status, row.found) == ("warn", "not stated")


def test_check_folder_that_lacks_files_fails(tmp_path):
    (tmp_path / "config.json").write_text("{}", encoding="utf8")
    found = check_folder("backbone", tmp_path)
    assert not found.available
    assert found.checks[0].found == "lacks tokenizer.json, *.safetensors"


def test_check_repository_tells_the_cases_apart(hub_server, tiny_llama, ask):
    wanted = [
        ("owner/open", None, "model"),
        ("owner/gated", None, "model"),
        ("owner/none", None, "model"),
        ("owner/open", "no-such-branch", "model"),
        ("owner/data", "refs/convert/parquet", "dataset"),
    ]
    models = {"owner/open": tiny_llama, "owner/gated": tiny_llama}
    with hub_server(models=models, datasets={"owner/data": tiny_llama}, gated=["owner/gated"]) as hub:
        tell_sizes(hub)
        found, gated, missing, revision, data = ask(hub, *wanted)
        assert not any(
            "resolve" in request and "GET" in request for request in hub.requests
        )  # nothing downloaded
    assert found["available"]
    assert found["checks"][0]["status"] == "ok"
    weights = (tiny_llama / "model.safetensors").stat().st_size
    assert weights < found["download"] < weights + 100_000
    assert found["checks"][0]["found"].endswith("MB to download")
    assert not gated["available"]
    assert gated["checks"][0]["found"] == "no access: gated"
    assert "https://huggingface.co/owner/gated" in gated["checks"][0]["advice"]
    assert missing["checks"][0]["found"] == "no such repository"
    assert revision["checks"][0]["found"] == "no such revision"
    assert "'no-such-branch'" in revision["checks"][0]["advice"]
    assert data["available"]


def test_check_repository_without_a_hub_fails_at_once(hub_server, ask):
    with hub_server() as hub:
        hub.stop()
        (found,) = ask(hub, ("owner/open", None, "model"))
    assert not found["available"]
    assert found["checks"][0]["found"] == "the hub cannot be reached"
    assert hub.url in found["checks"][0]["advice"]
