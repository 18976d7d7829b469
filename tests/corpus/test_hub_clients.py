"""The real clients of the Hugging Face hub against a local one, each in a process of its own."""

import json
import subprocess
import sys
from urllib.request import Request, urlopen

import pytest
from spacy.tokens import DocBin
from spacy.vocab import Vocab

NAMES = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]


@pytest.fixture(scope="module")
def data_set(tmp_path_factory):
    """A folder like the hub's Parquet copy of CoNLL-2003, with invented sentences."""
    datasets = pytest.importorskip("datasets")
    folder = tmp_path_factory.mktemp("parquet")
    features = datasets.Features(
        {
            "id": datasets.Value("string"),
            "tokens": datasets.Sequence(datasets.Value("string")),
            "pos_tags": datasets.Sequence(datasets.ClassLabel(names=["NNP", "VBZ", "."])),
            "chunk_tags": datasets.Sequence(datasets.ClassLabel(names=["O", "B-NP", "I-NP", "B-VP"])),
            "ner_tags": datasets.Sequence(datasets.ClassLabel(names=NAMES)),
        }
    )
    rows = {
        "id": ["0", "1"],
        "tokens": [["Anna", "Kovac", "sails", "."], ["Oslo"]],
        "pos_tags": [[0, 0, 1, 2], [0]],
        "chunk_tags": [[1, 2, 3, 0], [1]],
        "ner_tags": [[1, 2, 0, 0], [3]],
    }
    for split, count in (("train", 2), ("validation", 1), ("test", 1)):
        path = folder / "conll2003" / split / "0000.parquet"
        path.parent.mkdir(parents=True)
        columns = {name: values[:count] for name, values in rows.items()}
        datasets.Dataset.from_dict(columns, features=features).to_parquet(path)
    return folder


@pytest.fixture(scope="module")
def hub(hub_server, data_set, tmp_path_factory):
    """A hub with two data sets, one of them gated, and one model."""
    model = tmp_path_factory.mktemp("model")
    (model / "config.json").write_text('{"model_type": "llama"}\n', encoding="utf-8")
    (model / "deep").mkdir()
    (model / "deep" / "model.safetensors").write_bytes(bytes(range(256)) * 1000)
    data_sets = {"eriktks/conll2003": data_set, "owner/gated": data_set, "owner/empty": model}
    with hub_server(models={"owner/model": model}, datasets=data_sets, gated=["owner/gated"]) as server:
        yield server


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A cache folder that the tests of this module share."""
    return tmp_path_factory.mktemp("home")


def run(command, env, folder):
    done = subprocess.run(
        [sys.executable, *command], env=env, cwd=folder, capture_output=True, text=True, check=False
    )
    return done.returncode, " ".join((done.stdout + done.stderr).split())


def convert(source, env, folder, *options):
    command = ["-m", "spacy_llama_ner", "convert", source, "out.spacy", "--split", "train", *options]
    return run(command, env, folder)


def texts(path):
    return [doc.text for doc in DocBin().from_disk(path).get_docs(Vocab())]


def test_convert_downloads_a_data_set_and_then_takes_it_from_the_cache(hub_server, data_set, tmp_path):
    with hub_server(datasets={"eriktks/conll2003": data_set}) as server:
        env = server.environment(tmp_path / "home")
        status, output = convert("eriktks/conll2003", env, tmp_path)
        assert status == 0, output
        docs = list(DocBin().from_disk(tmp_path / "out.spacy").get_docs(Vocab()))
        assert [doc.text for doc in docs] == ["Anna Kovac sails.", "Oslo"]
        assert [(ent.text, ent.label_) for ent in docs[0].ents] == [("Anna Kovac", "PER")]
        assert [token.tag_ for token in docs[0]] == ["NNP", "NNP", "VBZ", "."]
        assert server.requests[0].endswith("/eriktks/conll2003/revision/refs/convert/parquet")
        commit = server.repositories["datasets", "eriktks/conll2003"].commit
    assert json.loads((tmp_path / "out.json").read_text(encoding="utf8"))["commit"] == commit
    (tmp_path / "out.spacy").unlink()
    status, output = convert("eriktks/conll2003", env | {"HF_HUB_OFFLINE": "1"}, tmp_path)
    assert status == 0, output
    assert texts(tmp_path / "out.spacy") == ["Anna Kovac sails.", "Oslo"]
    assert json.loads((tmp_path / "out.json").read_text(encoding="utf8"))["commit"] == commit
    # The hub is gone, but nobody said so: the copy is taken, at once, and said to be one.
    status, output = convert("eriktks/conll2003", env, tmp_path)
    assert status == 0, output
    assert f"taking the data set 'eriktks/conll2003' from the cache, at commit {commit}" in output
    assert "Retrying" not in output
    # Another commit than the one in the cache is not taken for it.
    status, output = convert("eriktks/conll2003", env, tmp_path, "--revision", "0" * 40)
    assert status == 1
    assert "cannot be reached" in output


def test_convert_refuses_articles_of_a_data_set_without(hub, home, tmp_path):
    status, output = convert("eriktks/conll2003", hub.environment(home), tmp_path, "--unit", "article")
    assert status == 1
    assert "Convert with --unit sentence" in output


def test_convert_says_that_a_data_set_is_missing(hub, home, tmp_path):
    status, output = convert("owner/missing", hub.environment(home), tmp_path)
    assert status == 1
    assert "owner/missing: cannot get the data set: the hub shows no data set 'owner/missing'" in output
    assert "--vars.corpus_dir" in output
    assert "Traceback" not in output


def test_read_hub_says_what_the_hub_refused(hub, home, tmp_path):
    script = """
import pytest
from spacy_llama_ner.corpus.article import CorpusError
from spacy_llama_ner.corpus.hub import read_hub
with pytest.raises(CorpusError, match="licence at https://huggingface.co/datasets/owner/gated, then log in"):
    read_hub("owner/gated", split="train")
with pytest.raises(CorpusError, match="has no revision 'v9' on the hub"):
    read_hub("eriktks/conll2003", split="train", revision="v9")
with pytest.raises(CorpusError, match="owner/empty: cannot get the data set: .* It needs Parquet"):
    read_hub("owner/empty", split="train")
"""
    status, output = run(["-c", script], hub.environment(home), tmp_path)
    assert status == 0, output


def test_convert_says_that_it_is_offline_and_has_no_cache(hub, tmp_path):
    env = hub.environment(tmp_path / "empty") | {"HF_HUB_OFFLINE": "1"}
    status, output = convert("eriktks/conll2003", env, tmp_path)
    assert status == 1
    assert "is not in the cache" in output
    assert "HF_HUB_OFFLINE forbids to ask the hub" in output
    assert "Traceback" not in output


def test_convert_says_at_once_that_there_is_no_network(hub, tmp_path):
    env = hub.environment(tmp_path / "empty") | {"HF_ENDPOINT": "http://hub.invalid"}
    status, output = convert("eriktks/conll2003", env, tmp_path)
    assert status == 1
    assert "the Hugging Face hub (http://hub.invalid) cannot be reached" in output
    assert "Retrying" not in output
    assert "Traceback" not in output


def test_snapshot_download_gets_the_files_of_a_model(hub, home, tmp_path):
    script = (
        "from huggingface_hub import snapshot_download; snapshot_download('owner/model', local_dir='model')"
    )
    status, output = run(["-c", script], hub.environment(home), tmp_path)
    assert status == 0, output
    assert (tmp_path / "model" / "config.json").read_text(encoding="utf-8") == '{"model_type": "llama"}\n'
    assert (tmp_path / "model" / "deep" / "model.safetensors").read_bytes() == bytes(range(256)) * 1000


def test_hub_server_refuses_as_the_hub_does(hub, home, tmp_path):
    script = """
import pytest
from huggingface_hub import errors, hf_hub_download
with pytest.raises(errors.RepositoryNotFoundError):
    hf_hub_download("owner/none", "config.json")
with pytest.raises(errors.EntryNotFoundError):
    hf_hub_download("owner/model", "none.json")
with pytest.raises(errors.RevisionNotFoundError):
    hf_hub_download("owner/model", "config.json", revision="v9")
name = "conll2003/train/0000.parquet"
with pytest.raises(errors.GatedRepoError):
    hf_hub_download("owner/gated", name, repo_type="dataset")
hf_hub_download("owner/gated", name, repo_type="dataset", token="hf_invented")
"""
    status, output = run(["-c", script], hub.environment(home), tmp_path)
    assert status == 0, output


def test_hub_server_sends_ranges(hub):
    request = Request(
        f"{hub.url}/owner/model/resolve/main/deep/model.safetensors", headers={"Range": "bytes=2-4"}
    )
    with urlopen(request) as answer:
        assert answer.status == 206
        assert answer.headers["Content-Range"] == "bytes 2-4/256000"
        assert answer.read() == bytes([2, 3, 4])
