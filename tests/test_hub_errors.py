"""One question to the hub, and what each refusal is turned into; in this process, against a local hub."""

import errno
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
from huggingface_hub import constants

from spacy_llama_ner.hub import Found, ask_commit, cached_commit, find_model
from spacy_llama_ner.hub_errors import diagnose
from spacy_llama_ner.network.backbone import load_tokenizer, load_trunk

LLAMA = "meta-llama/Llama-3.2-1B"
BACKBONE = "components.llama_crf_ner.model.backbone.name"


@pytest.fixture
def hub(hub_server, tmp_path, monkeypatch):
    """A hub with an open, a gated and a reviewed model and a data set, and an empty cache."""
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text("{}", encoding="utf8")
    names = ["owner/open", LLAMA, "owner/reviewed"]
    server = hub_server(
        models=dict.fromkeys(names, folder),
        datasets={"owner/rows": folder},
        gated=[LLAMA],
        waiting=["owner/reviewed"],
    )
    monkeypatch.delenv("HF_TOKEN", raising=False)
    for name, value in (
        ("ENDPOINT", server.url),
        ("HF_HUB_CACHE", str(tmp_path / "cache")),
        ("HF_TOKEN_PATH", str(tmp_path / "token")),
        ("HF_HUB_ETAG_TIMEOUT", 1),
    ):
        monkeypatch.setattr(constants, name, value)
    find_model.cache_clear()
    with server:
        yield server
    find_model.cache_clear()


def commit(hub, name="owner/open"):
    return hub.repositories["models", name].commit


def keep(hub):
    """Put the open model into the cache, as https://huggingface.co/docs/huggingface_hub/guides/manage-cache says."""
    cache = Path(constants.HF_HUB_CACHE) / "models--owner--open"
    snapshot = cache / "snapshots" / commit(hub)
    snapshot.mkdir(parents=True)
    (snapshot / "config.json").write_text("{}", encoding="utf8")
    (cache / "refs").mkdir()
    (cache / "refs" / "main").write_text(commit(hub), encoding="utf8")


def refusal(name, *, kind="model", revision=None):
    """What `diagnose` makes of the hub's refusal."""
    with pytest.raises(Exception) as caught:  # noqa: PT011 (each client has kinds of its own; the text is checked)
        ask_commit(name, kind=kind, revision=revision)
    return diagnose(caught.value, name=name, revision=revision, kind=kind)


# one question


def test_ask_commit_asks_once(hub):
    assert ask_commit("owner/open", kind="model") == commit(hub)
    assert hub.requests == ["GET /api/models/owner/open"]


def test_ask_commit_asks_for_a_revision_of_a_data_set(hub):
    asked = ask_commit("owner/rows", kind="dataset", revision="refs/convert/parquet")
    assert asked == hub.repositories["datasets", "owner/rows"].commit
    assert hub.requests == ["GET /api/datasets/owner/rows/revision/refs/convert/parquet"]


def test_ask_commit_lets_a_token_through_the_gate(hub, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_invented")
    assert ask_commit(LLAMA, kind="model") == commit(hub, LLAMA)


def test_ask_commit_needs_no_licence_for_what_is_here(hub):
    assert ask_commit(LLAMA, kind="model", known=commit(hub, LLAMA)) == commit(hub, LLAMA)


def test_find_model_asks_once_for_weights_and_tokenizer(hub):
    assert find_model("owner/open") == find_model("owner/open") == Found(None)
    assert len(hub.requests) == 1


def test_find_model_asks_nothing_for_a_commit_in_the_cache(hub):
    keep(hub)
    assert find_model("owner/open", commit(hub)) == Found(commit(hub))
    assert hub.requests == []


def test_find_model_asks_nothing_offline(hub, monkeypatch):
    keep(hub)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert find_model("owner/open") == Found(None)
    assert hub.requests == []


@pytest.mark.parametrize("trouble", ["gone", "silent", 503])
def test_find_model_takes_the_copy_in_the_cache_with_a_warning(hub, caplog, trouble):
    keep(hub)
    if trouble == "gone":
        hub.stop()
    elif trouble == "silent":
        hub.delay = 2
    else:
        hub.status = trouble
    assert find_model("owner/open") == Found(commit(hub), cache_only=True)
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert f"taking the model 'owner/open' from the cache, at commit {commit(hub)}" in record.getMessage()


def test_find_model_leaves_a_hub_in_trouble_to_the_clients(hub):
    hub.status = 503
    assert find_model("owner/open") == Found(None)


def test_find_model_raises_without_a_copy(hub):
    hub.stop()
    with pytest.raises(OSError, match="Connection refused"):
        find_model("owner/open")


def test_cached_commit_knows_none_of_an_impossible_name(hub):
    assert cached_commit("no name/at all") is None


# what is wrong, and what to do


@pytest.mark.parametrize("load", [load_trunk, load_tokenizer])
def test_loading_a_backbone_gives_one_error_of_all_this(hub, load):
    with pytest.raises(
        ValueError,
        match=rf"^cannot load the (backbone|tokenizer) '{LLAMA}': {LLAMA} is behind a licence.*`hf auth",
    ):
        load(LLAMA)


def test_loading_a_backbone_offline_says_that_it_is_not_in_the_cache(hub, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(ValueError, match="owner/open is not in the cache .* and HF_HUB_OFFLINE forbids"):
        load_trunk("owner/open")
    assert hub.requests == []


def test_diagnose_names_licence_login_mirror_and_setting_of_a_gated_model(hub):
    found = refusal(LLAMA)
    assert found.reason == f"{LLAMA} is behind a licence, and you are not logged in"
    assert f"https://huggingface.co/{LLAMA}," in found.remedy
    assert "`hf auth login` or set HF_TOKEN" in found.remedy
    assert f"set {BACKBONE} to 'unsloth/Llama-3.2-1B'" in found.remedy
    assert f"or point {BACKBONE} in the config at a local copy" in found.remedy


def test_diagnose_tells_a_token_without_access_from_none(hub, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_invented")
    found = refusal("owner/reviewed")
    assert "the account of your token has no access to it yet" in found.reason
    assert "wait until access is granted" in found.remedy
    assert "unsloth" not in found.remedy


def test_diagnose_a_missing_model(hub):
    found = refusal("owner/none")
    assert found.reason.startswith(
        "the hub shows no model 'owner/none', and there is no folder of that name in /"
    )
    assert f"Check {BACKBONE}; if https://huggingface.co/owner/none is private, log in" in found.remedy


def test_diagnose_a_missing_data_set(hub):
    found = refusal("owner/none", kind="dataset")
    assert "no data set 'owner/none'" in found.reason
    assert "https://huggingface.co/datasets/owner/none" in found.remedy
    assert "--vars.corpus_dir FOLDER" in found.remedy


def test_diagnose_a_missing_revision(hub):
    found = refusal("owner/open", revision="v9")
    assert found.reason == "owner/open has no revision 'v9' on the hub"
    assert "https://huggingface.co/owner/open/commits/main" in found.remedy
    assert "components.llama_crf_ner.model.backbone.revision" in found.remedy


def test_diagnose_a_refused_connection(hub):
    hub.stop()
    found = refusal("owner/open")
    assert found.reason.startswith(f"the Hugging Face hub ({hub.url}) cannot be reached")
    assert found.reason.endswith("Connection refused")
    assert "HF_ENDPOINT" in found.remedy


def test_diagnose_an_unknown_host_at_once(hub, monkeypatch):
    monkeypatch.setattr(constants, "ENDPOINT", "http://hub.invalid")
    start = time.monotonic()
    found = refusal("owner/open")
    assert "(http://hub.invalid) cannot be reached" in found.reason
    assert time.monotonic() - start < 5


def test_diagnose_a_silent_hub_in_time(hub):
    hub.delay = 3
    start = time.monotonic()
    found = refusal("owner/open")
    assert "cannot be reached" in found.reason
    assert time.monotonic() - start < 2


@pytest.mark.parametrize(("status", "words"), [(503, "answered 503"), (429, "answered 429")])
def test_diagnose_a_hub_in_trouble(hub, status, words):
    hub.status = status
    found = refusal("owner/open")
    assert words in found.reason
    assert "Try again later" in found.remedy


def test_diagnose_a_token_that_is_not_accepted(hub, monkeypatch):
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(401)
            self.send_header("X-Error-Message", "Invalid credentials in Authorization header")
            self.end_headers()

        def log_message(self, *args):
            pass

    with answering(Handler) as url:
        monkeypatch.setattr(constants, "ENDPOINT", url)
        found = refusal("owner/open")
    assert found.reason == "the hub does not accept your token (Invalid credentials in Authorization header)"
    assert "hf auth login" in found.remedy


def test_diagnose_what_is_no_hub(hub, monkeypatch):
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<html>Welcome to the network</html>")

        def log_message(self, *args):
            pass

    with answering(Handler) as url:
        monkeypatch.setattr(constants, "ENDPOINT", url)
        assert "answered, but not as the hub does" in refusal("owner/open").reason


def test_diagnose_an_impossible_name(hub):
    found = refusal("my model")
    assert found.reason.startswith("'my model' is neither a folder (seen from /")
    assert hub.requests == []


def test_diagnose_a_full_disk(tmp_path):
    try:
        try:
            raise OSError(errno.ENOSPC, "No space left on device", "/cache/model.safetensors")
        except OSError as error:
            raise RuntimeError("the download failed") from error
    except RuntimeError as error:
        found = diagnose(error, name="owner/open")
    assert found.reason.startswith("the disk is full ([Errno 28] No space left on device")
    assert f"HF_HOME is ({constants.HF_HOME})" in found.remedy


def test_diagnose_looks_behind_a_hidden_cause(hub):
    """`datasets` raises `from None`."""
    hub.stop()
    try:
        try:
            ask_commit("owner/rows", kind="dataset")
        except Exception:
            raise ValueError("could not read the data set") from None
    except ValueError as error:
        found = diagnose(error, name="owner/rows", kind="dataset")
    assert "cannot be reached" in found.reason


def test_diagnose_gives_what_it_does_not_know_as_it_is():
    found = diagnose(ValueError("weights of another shape.\nSee above"), name="owner/open")
    assert found.reason == "weights of another shape"
    assert "It needs config.json, tokenizer.json and *.safetensors" in found.remedy


class answering:
    """Answer on a free port by a handler, inside a `with` block that gives the address."""

    def __init__(self, handler):
        self.server = HTTPServer(("127.0.0.1", 0), handler)

    def __enter__(self):
        Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def __exit__(self, *args):
        self.server.shutdown()
        self.server.server_close()
