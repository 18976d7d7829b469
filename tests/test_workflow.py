"""The whole workflow in a folder of its own: a tiny backbone, a few sentences, real wheels."""

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
NAME = "workflow_test"  # not llama_crf_ner: that one may be installed here for real
SENTENCES = """\
Anna _ _ B-PER
Kovac _ _ I-PER
visited _ _ O
Berlin _ _ B-LOC
. _ _ O

A _ _ O
Danish _ _ B-MISC
court _ _ O
heard _ _ O
Northgate _ _ B-ORG
. _ _ O

"""


def corpus(folder, *, articles):
    folder.mkdir(parents=True, exist_ok=True)
    for split in ("train", "dev", "test"):
        article = "-DOCSTART- -X- -X- O\n\n" + SENTENCES
        (folder / f"{split}.conll").write_text(article * articles, encoding="utf8")
    return folder


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A copy of the project with a tiny backbone and corpus, run once from end to end."""
    folder = tmp_path_factory.mktemp("project")
    for name in ("project.yml", "pyproject.toml", "README.md", "LICENSE", "constraints.txt"):
        shutil.copy(ROOT / name, folder)
    ignore = shutil.ignore_patterns("__pycache__")
    for name in ("configs", "spacy_llama_ner"):
        shutil.copytree(ROOT / name, folder / name, ignore=ignore)
    corpus(folder / "assets" / "mini-news", articles=4)
    shutil.copy(ROOT / "assets" / "samples.txt", folder / "assets")
    make_tiny_llama(folder / "assets" / "llama-mini")
    config = folder / "configs" / "mini.cfg"
    text = re.sub(r"max_epochs = \d+", "max_epochs = 20", config.read_text(encoding="utf8"))
    text = re.sub(r"eval_frequency = \d+", "eval_frequency = 10", text)
    config.write_text(re.sub(r"initial_rate = [\d.]+", "initial_rate = 0.02", text), encoding="utf8")

    def run(command, *arguments):
        # No index: `smoke` must say so and share this environment's packages.
        environment = {**os.environ, "PIP_NO_INDEX": "1", "OMP_NUM_THREADS": "1", "WASABI_LOG_FRIENDLY": "1"}
        done = subprocess.run(
            [sys.executable, "-m", "spacy", "project", "run", command, ".", "--vars.name", NAME, *arguments],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    run.folder = folder
    try:
        run.first = run("all")
        yield run
    finally:
        uninstall = [sys.executable, "-m", "pip", "uninstall", "--quiet", "--yes", f"en_{NAME}"]
        subprocess.run(uninstall, check=True, capture_output=True)


def skipped(output):
    return re.findall(r"Skipping '(\w+)': nothing changed", output)


def test_workflow_writes_what_it_promises(project):
    metrics = json.loads((project.folder / "metrics" / "mini" / "test.json").read_text())
    assert metrics["counts"]["gold_entities"] == 16
    assert metrics["seqeval"]["f1"] > 0.5
    log = (project.folder / "training" / "mini" / "log.jsonl").read_text().splitlines()
    assert json.loads(log[0])["llama_crf_ner"]["cross_entropy"] > 0


def test_workflow_skips_everything_the_second_time(project):
    commands = [
        "convert",
        "train",
        "calibrate",
        "evaluate",
        "analyze",
        "compare",
        "report",
        "package",
        "smoke",
    ]
    assert skipped(project("all")) == commands


def test_workflow_writes_a_report_of_all_its_parts(project):
    page = (project.folder / "metrics" / "mini" / "report.html").read_text(encoding="utf8")
    assert "spacy_cnn" in page
    assert 'aria-label="The terms of the loss' in page
    assert 'aria-label="Share of right entities' in page
    assert page.count("Not measured") == 1  # the ablation


def test_workflow_installs_the_pipeline_where_it_runs(project):
    code = f"import spacy; print(spacy.load('en_{NAME}')('Anna Kovac visited Berlin .').ents)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=project.folder.parent, capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("(")


def test_workflow_checks_the_wheel_in_a_new_environment(project):
    report = json.loads((project.folder / "metrics" / "mini" / "smoke.json").read_text())
    assert report["mode"] == "share"
    assert report["pipeline"] == f"en_{NAME}"
    assert "No package index reached" in project.first


def test_workflow_packages_the_backbone_inside(project):
    (saved,) = project.folder.glob("packages/mini/en_*/en_*/en_*/llama_crf_ner/model/network.json")
    assert json.loads(saved.read_text())["backbone"]["inside"]


def test_workflow_leaves_no_path_of_this_machine_in_the_package(project):
    (package,) = project.folder.glob("packages/mini/en_*/en_*")
    for path in package.rglob("*"):
        if path.suffix in (".json", ".cfg", ".md"):
            assert str(project.folder) not in path.read_text(encoding="utf8"), path


def test_workflow_trains_again_after_a_change_of_the_config(project):
    config = project.folder / "configs" / "mini.cfg"
    before = config.read_text(encoding="utf8")
    config.write_text(before.replace("dropout = 0.1\n", "dropout = 0.2\n"), encoding="utf8")
    try:
        assert "train" not in skipped(project("all", "--dry"))
    finally:
        config.write_text(before, encoding="utf8")


def test_workflow_takes_another_corpus_by_one_variable(project):
    other = corpus(project.folder / "other", articles=7)
    project("convert", "--vars.corpus_dir", str(other))
    counts = json.loads((project.folder / "corpus" / "mini" / "train.json").read_text())
    assert (counts["sentences"], counts["entities"]) == (14, 28)
    done = set(skipped(project("all", "--dry", "--vars.corpus_dir", str(other))))
    assert done.isdisjoint(
        {"train", "evaluate", "package"}
    )  # a dry run builds no wheel for smoke to wait for
