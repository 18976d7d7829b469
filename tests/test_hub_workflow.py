"""The whole workflow of the profile `llama-3.2-1b`, scaled down, from a local hub to an installed package."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tiny_models import make_tiny_llama

ROOT = Path(__file__).parent.parent
NAME = "hub_workflow_test"  # not llama_crf_ner: that one may be installed here for real
MODEL = "unsloth/Llama-3.2-1B-Instruct"
TAGS = ["O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC", "B-MISC", "I-MISC"]
SENTENCES = [
    ("Anna Kovac visited Berlin .", [1, 2, 0, 5, 0]),
    ("A Danish court heard Northgate Steel .", [0, 7, 0, 0, 3, 4, 0]),
    ("Nothing happened in the end .", [0, 0, 0, 0, 0, 0]),
]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def hub(hub_server, tmp_path_factory):
    """A hub with a tiny Llama in shards and an invented data set, under the names of the real ones."""
    model = make_tiny_llama(tmp_path_factory.mktemp("model"), shards=True)
    assert len(list(model.glob("*.safetensors"))) > 1
    rows = write_parquet(tmp_path_factory.mktemp("rows"))
    with hub_server(models={MODEL: model}, datasets={"eriktks/conll2003": rows}) as server:
        yield server


def write_parquet(folder):
    """Write splits as the hub's Parquet copy of CoNLL-2003 has them."""
    datasets = pytest.importorskip("datasets")
    features = datasets.Features(
        {
            "id": datasets.Value("string"),
            "tokens": datasets.Sequence(datasets.Value("string")),
            "ner_tags": datasets.Sequence(datasets.ClassLabel(names=TAGS)),
        }
    )
    for split, count in (("train", 24), ("validation", 12), ("test", 9)):
        chosen = [SENTENCES[i % len(SENTENCES)] for i in range(count)]
        columns = {
            "id": [str(i) for i in range(count)],
            "tokens": [text.split() for text, _ in chosen],
            "ner_tags": [tags for _, tags in chosen],
        }
        path = folder / "conll2003" / split / "0000.parquet"
        path.parent.mkdir(parents=True)
        datasets.Dataset.from_dict(columns, features=features).to_parquet(path)
    return folder


@pytest.fixture(scope="module")
def project(hub, tmp_path_factory):
    """A copy of the project, small by its schedule alone, run once from end to end as the README says."""
    folder = tmp_path_factory.mktemp("project")
    for name in ("project.yml", "pyproject.toml", "README.md", "LICENSE", "constraints.txt"):
        shutil.copy(ROOT / name, folder)
    for name in ("configs", "spacy_llama_ner"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("mini-news", "llama-mini"):  # what the commands of the other profile depend on
        (folder / "assets" / name).mkdir(parents=True)
    shutil.copy(ROOT / "assets" / "samples.txt", folder / "assets")
    config = folder / "configs" / "llama-3.2-1b.cfg"
    text = re.sub(r"max_epochs = \d+", "max_epochs = 2", config.read_text(encoding="utf8"))
    config.write_text(re.sub(r"eval_frequency = \d+", "eval_frequency = 3", text), encoding="utf8")
    environment = {
        **hub.environment(folder / "home"),
        "PIP_NO_INDEX": "1",
        "OMP_NUM_THREADS": "1",
        "WASABI_LOG_FRIENDLY": "1",
    }

    spacy_project = [sys.executable, "-m", "spacy", "project"]
    variables = ["--vars.profile", "llama-3.2-1b", "--vars.name", NAME]

    def run(command, *arguments, **changed):
        done = subprocess.run(
            [*spacy_project, "run", command, ".", *variables, *arguments],
            cwd=folder,
            env={**environment, **changed},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    run.folder, run.environment = folder, environment
    try:
        run.first = run("all")
        run.requests = list(hub.requests)
        yield run
    finally:
        uninstall = [sys.executable, "-m", "pip", "uninstall", "--quiet", "--yes", f"en_{NAME}"]
        subprocess.run(uninstall, check=True, capture_output=True)


def saved(folder, name):
    return json.loads((folder / name).read_text(encoding="utf8"))


def test_hub_workflow_records_the_commits_of_data_set_and_backbone(project, hub):
    report = saved(project.folder, "corpus/llama-3.2-1b/train.json")
    assert report["commit"] == hub.repositories["datasets", "eriktks/conll2003"].commit
    assert report["entities"] == 32
    network = saved(project.folder, "training/llama-3.2-1b/model-best/llama_crf_ner/model/network.json")
    assert network["backbone"]["name"] == MODEL
    assert network["backbone"]["revision"] == hub.repositories["models", MODEL].commit
    assert not network["backbone"]["inside"]


def test_hub_workflow_downloads_each_file_once(project):
    weights = [line for line in project.requests if line.startswith("GET") and ".safetensors" in line]
    assert len(weights) == len(set(weights)) > 1
    rows = [line for line in project.requests if line.startswith("GET") and ".parquet" in line]
    assert len(rows) == 3


def test_hub_workflow_writes_a_report_of_all_its_parts(project):
    page = (project.folder / "metrics" / "llama-3.2-1b" / "report.html").read_text(encoding="utf8")
    assert "spacy_cnn" in page
    assert page.count("Not measured") <= 2  # the ablation; the temperature, where there was nothing to fit


def test_hub_workflow_checks_the_light_wheel_offline_in_a_new_environment(project):
    report = saved(project.folder, "metrics/llama-3.2-1b/smoke.json")
    assert report["pipeline"] == f"en_{NAME}"
    assert report["mode"] == "share"


def test_hub_workflow_installs_a_package_without_the_backbone(project):
    (package,) = project.folder.glob("packages/llama-3.2-1b/en_*/en_*")
    assert not list(package.rglob("backbone"))


def test_hub_workflow_package_loads_where_it_was_installed(project):
    code = f"import spacy; print(len(spacy.load('en_{NAME}')('Anna Kovac visited Berlin .')))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=project.folder.parent,
        env={**os.environ, **project.environment, "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[-1] == "5"


def test_hub_workflow_converts_again_without_the_hub(project):
    assert "Wrote" in project("convert", "--force", HF_HUB_OFFLINE="1")
    assert saved(project.folder, "corpus/llama-3.2-1b/train.json")["entities"] == 32
