"""A local server that takes uploads and serves them again as the Hugging Face hub does, for the real clients.

`huggingface_hub` reads HF_ENDPOINT and HF_HOME when it is imported: run the client in a process of its own, such as
`hub_client.UploadClient`. Shapes of questions and answers: huggingface_hub's sources (`hf_api.py`, `_commit_api.py`,
`lfs.py`, `file_download.py`); https://github.com/git-lfs/git-lfs/blob/main/docs/api/batch.md
"""

import base64
import hashlib
import json
import os
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

LFS_SUFFIXES = (".whl", ".safetensors", "vectors")
WRITER, READER = "hf_writer", "hf_reader"


@dataclass
class Repository:
    """A repository's branches, each with its files, and what was committed."""

    private: bool = False
    branches: dict[str, dict[str, bytes]] = field(default_factory=lambda: {"main": {".gitattributes": b"\n"}})
    commits: list[dict] = field(default_factory=list)

    def commit_of(self, branch: str) -> str:
        """RETURNS (str): 40 hex digits that stand for the branch's files."""
        etags = {place: _oid(data) for place, data in self.branches[branch].items()}
        return hashlib.sha1(json.dumps(etags, sort_keys=True).encode()).hexdigest()

    def find(self, revision: str) -> tuple[str, dict[str, bytes]] | None:
        """RETURNS (tuple | None): Commit and files of a branch or commit."""
        for branch, files in self.branches.items():
            if revision in (branch, self.commit_of(branch)):
                return self.commit_of(branch), files
        return None


class UploadServer:
    """Serve an empty hub on a free port of the loopback interface, inside a `with` block.

    It knows two tokens: WRITER may write to everything, READER to nothing.

    repositories (dict[str, Repository]): Attribute: by owner/name.
    large (dict[str, bytes]): Attribute: what was uploaded by the LFS protocol, by SHA-256.
    requests (list[str]): Attribute: what came, as "POST /path".
    broken (set[str]): Attribute: paths' beginnings that answer with status 418, which no client tries again.
    refused (set[str]): Attribute: paths' beginnings that are refused as bad requests.
    """

    def __init__(self) -> None:
        self.repositories: dict[str, Repository] = {}
        self.large: dict[str, bytes] = {}
        self.requests: list[str] = []
        self.broken: set[str] = set()
        self.refused: set[str] = set()
        handler = type("Handler", (_Handler,), {"hub": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )

    @property
    def url(self) -> str:
        """The address for HF_ENDPOINT."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def environment(self, home: Path, *, token: str | None = WRITER) -> dict[str, str]:
        """Make the environment of a client process, without this process's hub settings."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("HF_", "HUGGING"))}
        ours = {
            "HF_ENDPOINT": self.url,
            "HF_HOME": str(home),
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
            "no_proxy": "127.0.0.1",
        }
        return kept | ours | ({"HF_TOKEN": token} if token else {})

    def __enter__(self) -> "UploadServer":
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    """Answers one request."""

    protocol_version = "HTTP/1.1"
    hub: UploadServer

    def do_GET(self) -> None:
        parts = self._begin()
        if not parts:
            return
        if parts[:2] == ["api", "models"]:
            found = self._find("/".join(parts[2:4]), parts[5] if parts[4:5] == ["revision"] else "main")
            if found:
                repository, (commit, files) = found
                siblings = [{"rfilename": place} for place in files]
                name = "/".join(parts[2:4])
                self._send_json(
                    {
                        "id": name,
                        "sha": commit,
                        "private": repository.private,
                        "siblings": siblings,
                        "tags": [],
                    }
                )
        elif parts[2:3] == ["resolve"] and (found := self._find("/".join(parts[:2]), parts[3])):
            commit, files = found[1]
            place = "/".join(parts[4:])
            if place in files:
                self._send(200, files[place], {"ETag": f'"{_oid(files[place])}"', "X-Repo-Commit": commit})
            else:
                self._refuse(404, "Entry not found", code="EntryNotFound")

    do_HEAD = do_GET

    def do_POST(self) -> None:
        parts = self._begin()
        if not parts or not self._may_write():
            return
        if parts == ["api", "repos", "create"]:
            question = json.loads(self.body)
            name = f"{question['organization']}/{question['name']}"
            if name in self.hub.repositories:
                self._refuse(409, "You already created this model repo")
                return
            self.hub.repositories[name] = Repository(private=question.get("private", False))
            self._send_json({"url": f"{self.hub.url}/{name}"})
        elif parts == ["api", "validate-yaml"]:
            self._send_json({"errors": [], "warnings": []})
        elif parts[2:] == ["info", "lfs", "objects", "batch"]:
            self._send_json(
                {"transfer": "basic", "objects": [self._lfs(o) for o in json.loads(self.body)["objects"]]}
            )
        elif parts[0] == "verify":
            question = json.loads(self.body)
            if len(self.hub.large.get(question["oid"], b"")) == question["size"]:
                self._send_json({})
            else:
                self._refuse(400, "Not here")
        elif repository := self.hub.repositories.get("/".join(parts[2:4])):
            action, branch = parts[4], parts[5]
            if action == "branch":
                repository.branches[branch] = dict(repository.branches["main"])
                self._send_json({})
            elif branch not in repository.branches:
                self._refuse(404, f"Invalid rev id: {branch}", code="RevisionNotFound")
            elif action == "preupload":
                files = repository.branches[branch]
                self._send_json({"files": [_mode(file, files) for file in json.loads(self.body)["files"]]})
            elif action == "commit":
                self._commit(repository, branch, f"{self.hub.url}/{'/'.join(parts[2:4])}")
        else:
            self._refuse(404, "Repository not found", code="RepoNotFound")

    def do_PUT(self) -> None:
        parts = self._begin()
        if parts and parts[0] == "upload":
            if hashlib.sha256(self.body).hexdigest() == parts[1]:
                self.hub.large[parts[1]] = self.body
                self._send(200, b"", {})
            else:
                self._refuse(400, "The SHA-256 does not fit")

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing: `UploadServer.requests` has it."""

    def _begin(self) -> list[str]:
        """RETURNS (list[str]): The path's parts; empty if the request was refused."""
        path = urlsplit(self.path).path
        self.hub.requests.append(f"{self.command} {unquote(path)}")
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if any(path.startswith(beginning) for beginning in self.hub.broken):
            self._refuse(418, "Out of order")
            return []
        if any(path.startswith(beginning) for beginning in self.hub.refused):
            self._refuse(400, "Your card is bad")
            return []
        # Split before unquoting: a branch like a%2Fb is one part.
        return [unquote(part) for part in path.strip("/").split("/")]

    def _may_write(self) -> bool:
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        if token == READER:
            self._refuse(403, "You don't have the rights to create a model under this namespace")
        elif token != WRITER:
            self._refuse(401, "Invalid username or password.")
        return token == WRITER

    def _find(self, name: str, revision: str) -> tuple[Repository, tuple[str, dict[str, bytes]]] | None:
        """RETURNS (tuple | None): The repository, its commit and its files; None if the request was refused."""
        repository = self.hub.repositories.get(name)
        if repository is None or (repository.private and not self.headers.get("Authorization")):
            self._refuse(401, "Repository not found", code="RepoNotFound")
            return None
        found = repository.find(revision)
        if found is None:
            self._refuse(404, f"Invalid rev id: {revision}", code="RevisionNotFound")
            return None
        return repository, found

    def _lfs(self, wanted: dict) -> dict:
        if wanted["oid"] in self.hub.large:
            return wanted
        actions = {
            action: {"href": f"{self.hub.url}/{action}/{wanted['oid']}"} for action in ("upload", "verify")
        }
        return {**wanted, "actions": actions}

    def _commit(self, repository: Repository, branch: str, url: str) -> None:
        lines = [json.loads(line) for line in self.body.splitlines()]
        files = dict(repository.branches[branch])
        for line in lines[1:]:
            value = line["value"]
            if line["key"] == "deletedFile":
                del files[value["path"]]
            elif line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif value["oid"] in self.hub.large:
                files[value["path"]] = self.hub.large[value["oid"]]
            else:
                self._refuse(400, f"{value['path']} was not uploaded")
                return
        repository.branches[branch] = files
        repository.commits.append(lines[0]["value"])
        commit = repository.commit_of(branch)
        self._send_json({"commitUrl": f"{url}/commit/{commit}", "commitOid": commit})

    def _send_json(self, answer: object) -> None:
        self._send(200, json.dumps(answer).encode(), {"Content-Type": "application/json"})

    def _refuse(self, status: int, message: str, *, code: str = "") -> None:
        headers = {"X-Error-Code": code, "X-Error-Message": message, "Content-Type": "application/json"}
        self._send(status, json.dumps({"error": message}).encode(), headers)

    def _send(self, status: int, data: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)


def _mode(file: dict, files: dict[str, bytes]) -> dict:
    """Say how a file is to be sent, and what is there."""
    place = file["path"]
    mode = "lfs" if place.endswith(LFS_SUFFIXES) else "regular"
    answer = {"path": place, "uploadMode": mode, "shouldIgnore": False}
    if place in files:
        answer["oid"] = _oid(files[place]) if mode == "lfs" else _git_oid(files[place])
    return answer


def _oid(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _git_oid(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
