"""A local server that answers as the Hugging Face hub does, for the real clients.

`huggingface_hub` reads HF_ENDPOINT and HF_HOME when it is imported: run the client in a process of its own,
with `HubServer.environment`. Shapes of answers: https://huggingface.co/docs/hub/api and huggingface_hub's
sources (`hf_api.py`, `file_download.py`, `utils/_http.py`).
"""

import hashlib
import json
import os
import threading
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from urllib.parse import parse_qs, unquote, urlsplit

REVISIONS = ("main", "refs/convert/parquet")


class Repository:
    """A folder served as one repository; each of `REVISIONS` and its one commit hold the same files.

    gated (bool): Whether files are refused to a client without a token.
    """

    def __init__(self, name: str, folder: Path, *, gated: bool) -> None:
        self.name = name
        self.gated = gated
        paths = sorted(path for path in folder.rglob("*") if path.is_file())
        self.files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}
        self.etags = {name: hashlib.sha256(data).hexdigest() for name, data in self.files.items()}
        self.commit = hashlib.sha1(json.dumps([name, self.etags]).encode()).hexdigest()

    def info(self) -> dict[str, object]:
        """RETURNS (dict): What the hub says of a repository."""
        siblings = [{"rfilename": name} for name in self.files]
        return {
            "_id": self.commit[:24],
            "id": self.name,
            "modelId": self.name,
            "sha": self.commit,
            "private": False,
            "gated": "auto" if self.gated else False,
            "disabled": False,
            "tags": [],
            "downloads": 0,
            "likes": 0,
            "siblings": siblings,
        }

    def entry(self, path: str) -> dict[str, object] | None:
        """RETURNS (dict | None): What the hub says of a file or folder; None if there is neither."""
        if path in self.files:
            return {"type": "file", "path": path, "size": len(self.files[path]), "oid": self.etags[path][:40]}
        if any(name.startswith(f"{path}/") for name in self.files):
            return {"type": "directory", "path": path, "size": 0, "oid": self.commit}
        return None

    def tree(self, folder: str, *, recursive: bool) -> list[dict[str, object]] | None:
        """RETURNS (list[dict] | None): The files and folders below a folder; None if there is none."""
        prefix = f"{folder}/" if folder else ""
        paths = set()
        for name in self.files:
            if not name.startswith(prefix):
                continue
            parts = name.removeprefix(prefix).split("/")
            depths = range(1, len(parts) + 1) if recursive else (1,)
            paths |= {prefix + "/".join(parts[:depth]) for depth in depths}
        return [entry for path in sorted(paths) if (entry := self.entry(path))] or None


class HubServer:
    """Serve folders as repositories on a free port of the loopback interface, inside a `with` block.

    models (Mapping[str, Path]): Folder of each model, by owner/name.
    datasets (Mapping[str, Path]): Folder of each data set, by owner/name.
    gated (Iterable[str]): Names whose files need a token; any token will do.
    waiting (Iterable[str]): Those of them where access has not been granted to any token yet.
    requests (list[str]): Attribute: what came, as "GET /path".
    status (int | None): Attribute: if set, the status of each answer, such as 503.
    delay (float): Attribute: seconds to wait before each answer.
    cut (int): Attribute: so many downloads end in the middle.
    """

    status: int | None = None
    delay = 0.0
    cut = 0

    def __init__(
        self,
        *,
        models: Mapping[str, Path] | None = None,
        datasets: Mapping[str, Path] | None = None,
        gated: Iterable[str] = (),
        waiting: Iterable[str] = (),
    ) -> None:
        self.waiting = set(waiting)
        gates = set(gated) | self.waiting
        self.repositories = {
            (kind, name): Repository(name, folder, gated=name in gates)
            for kind, folders in (("models", models), ("datasets", datasets))
            for name, folder in (folders or {}).items()
        }
        self.requests: list[str] = []
        handler = type("Handler", (_Handler,), {"hub": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )

    @property
    def url(self) -> str:
        """The address for HF_ENDPOINT."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def environment(self, home: Path) -> dict[str, str]:
        """Make the environment of a client process.

        home (Path): Its cache folder; two processes with the same one share what was downloaded.
        RETURNS (dict[str, str]): This process's environment, without its hub settings, with ours.
        """
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("HF_", "HUGGING"))}
        return kept | {
            "HF_ENDPOINT": self.url,
            "HF_HOME": str(home),
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
            "no_proxy": "127.0.0.1",
        }

    def __enter__(self) -> "HubServer":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop answering; a second call does nothing."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    """Answers one request."""

    protocol_version = "HTTP/1.1"
    hub: HubServer

    def handle(self) -> None:
        with suppress(ConnectionError):  # a client that does not wait
            super().handle()

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing: `HubServer.requests` has it."""

    def _answer(self) -> None:
        url = urlsplit(self.path)
        self.hub.requests.append(f"{self.command} {unquote(url.path)}")
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        time.sleep(self.hub.delay)
        if self.hub.status is not None:
            self._send(self.hub.status, b"", {})
            return
        # Split before unquoting: a revision like refs%2Fconvert%2Fparquet is one part.
        parts = [unquote(part) for part in url.path.strip("/").split("/")]
        if parts[0] == "api":
            self._answer_api(parts[1:], parse_qs(url.query), parse_qs(body))
        elif "resolve" in parts:
            self._answer_file(parts)
        else:
            self._refuse(404, "EntryNotFound", f"No such page: {url.path}")

    def _answer_api(self, parts: list[str], query: dict[str, list[str]], form: dict[str, list[str]]) -> None:
        kind, name, action, rest = parts[0], "/".join(parts[1:3]), parts[3:4], parts[4:]
        repository = self._find(kind, name, rest[0] if rest else "main")
        if repository is None:
            return
        if action in ([], ["revision"]):
            self._send_json(repository.info())
        elif action == ["auth-check"]:
            if self._may_read(repository):
                self._send_json({})
        elif action == ["tree"]:
            recursive = query.get("recursive", ["false"])[0].lower() in ("true", "1")
            tree = repository.tree("/".join(rest[1:]), recursive=recursive)
            if tree is None:
                self._refuse(404, "EntryNotFound", "No such folder")
            else:
                self._send_json(tree)
        elif action == ["paths-info"]:
            self._send_json([entry for path in form.get("paths", []) if (entry := repository.entry(path))])
        else:
            self._refuse(404, "EntryNotFound", f"No such call: {self.path}")

    def _answer_file(self, parts: list[str]) -> None:
        kind = "datasets" if parts[0] == "datasets" else "models"
        at = parts.index("resolve")
        revision, path = parts[at + 1], "/".join(parts[at + 2 :])
        repository = self._find(kind, "/".join(parts[at - 2 : at]), revision)
        if repository is None:
            return
        commit = {"X-Repo-Commit": repository.commit}
        if not self._may_read(repository):
            return
        if path not in repository.files:
            self._refuse(404, "EntryNotFound", "Entry not found", commit)
        else:
            headers = commit | {"ETag": f'"{repository.etags[path]}"', "Accept-Ranges": "bytes"}
            self._send_range(repository.files[path], headers)

    def _find(self, kind: str, name: str, revision: str) -> Repository | None:
        """RETURNS (Repository | None): The repository; None if the request was refused."""
        repository = self.hub.repositories.get((kind, name))
        if repository is None:
            self._refuse(404, "RepoNotFound", "Repository not found")
        elif revision not in (*REVISIONS, repository.commit):
            self._refuse(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        else:
            return repository
        return None

    def _may_read(self, repository: Repository) -> bool:
        """RETURNS (bool): Whether files are open to the client; if not, the request was refused."""
        if not repository.gated:
            return True
        if not self.headers.get("Authorization"):
            self._refuse(401, "GatedRepo", f"Access to {repository.name} is restricted.")
        elif repository.name in self.hub.waiting:
            self._refuse(403, "GatedRepo", f"Your request to access {repository.name} is awaiting a review.")
        else:
            return True
        return False

    def _send_range(self, data: bytes, headers: dict[str, str]) -> None:
        wanted = self.headers.get("Range")
        if not wanted:
            self._send(200, data, headers)
            return
        first, last = wanted.removeprefix("bytes=").split("-")
        start = int(first) if first else max(len(data) - int(last), 0)
        end = int(last) + 1 if first and last else len(data)
        part = data[start:end]
        span = f"bytes {start}-{start + len(part) - 1}/{len(data)}"
        self._send(206, part, headers | {"Content-Range": span})

    def _send_json(self, answer: object) -> None:
        self._send(200, json.dumps(answer).encode(), {"Content-Type": "application/json"})

    def _refuse(self, status: int, code: str, message: str, headers: dict[str, str] | None = None) -> None:
        error = {"X-Error-Code": code, "X-Error-Message": message, "Content-Type": "application/json"}
        self._send(status, json.dumps({"error": message}).encode(), error | (headers or {}))

    def _send(self, status: int, data: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command == "HEAD":
            return
        if self.hub.cut and "X-Repo-Commit" in headers and len(data) > 1:
            self.hub.cut -= 1
            self.wfile.write(data[: len(data) // 2])
            self.close_connection = True
        else:
            self.wfile.write(data)
