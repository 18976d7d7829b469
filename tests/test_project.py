"""What stands in the project's own files: profiles, versions, generated tables."""

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
import srsly
from spacy.util import load_config, load_model_from_config

ROOT = Path(__file__).parent.parent
PROFILES = ["mini", "llama-3.2-1b", "llama-3.2-1b-best"]


@pytest.mark.parametrize("profile", PROFILES)
def test_profile_makes_a_pipeline(profile):
    nlp = load_model_from_config(load_config(ROOT / "configs" / f"{profile}.cfg"), auto_fill=True)
    assert nlp.pipe_names == ["llama_crf_ner"]


def test_recipe_is_reproduced_number_by_number():
    config = load_config(ROOT / "configs" / "llama-3.2-1b.cfg")
    component, training = config["components"]["llama_crf_ner"], config["training"]
    loss, model = component["compound_loss"], component["model"]
    weights = [loss[f"{name}_weight"] for name in ("cross_entropy", "crf", "label_smoothing")]
    assert weights == [0.5, 0.3, 0.2]
    assert loss["smoothing"] == 0.1
    assert model["backbone"]["name"] == "unsloth/Llama-3.2-1B-Instruct"
    assert (model["freeze_backbone"], model["peft"], model["use_crf"]) == (True, "lora", True)
    assert model["lora_target_modules"] == ["q_proj", "k_proj", "v_proj", "o_proj"]
    assert training["optimizer"]["learn_rate"] == 5e-5
    assert (training["batcher"]["@batchers"], training["batcher"]["size"]) == (
        "spacy.batch_by_sequence.v1",
        8,
    )
    assert (training["max_epochs"], training["max_steps"], training["patience"]) == (100, 0, 0)
    assert config["initialize"]["components"]["llama_crf_ner"]["labels"] == ["PER", "ORG", "LOC", "MISC"]


def test_project_names_the_version_that_is_installed():
    text = (ROOT / "project.yml").read_text(encoding="utf8")
    assert f"spacy_llama_ner-{version('spacy-llama-ner')}-py3" in text


def test_project_runs_every_command_that_is_not_clean():
    project = srsly.read_yaml(ROOT / "project.yml")
    commands = [command["name"] for command in project["commands"]]
    assert [*project["workflows"]["all"], "clean"] == commands


def test_readme_tables_are_those_of_the_project_file(tmp_path):
    """If this fails: make docs."""
    output = tmp_path / "README.md"
    subprocess.run(
        [sys.executable, "-m", "weasel", "document", str(ROOT), "--output", str(output)],
        check=True,
        capture_output=True,
    )
    assert output.read_text(encoding="utf8").strip() in (ROOT / "README.md").read_text(encoding="utf8")


def test_corpus_is_built_from_its_articles():
    """If this fails: python -m spacy_llama_ner build-corpus assets/mini-news."""
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "spacy_llama_ner",
            "build-corpus",
            str(ROOT / "assets" / "mini-news"),
            "--check",
        ],
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("profile", PROFILES)
def test_profile_is_complete(profile, tmp_path):
    """As `spacy debug data` and `debug config` want it. If this fails: python -m spacy init fill-config."""
    path = ROOT / "configs" / f"{profile}.cfg"
    filled = tmp_path / "filled.cfg"
    command = [sys.executable, "-m", "spacy", "init", "fill-config", str(path), str(filled)]
    subprocess.run(command, check=True, capture_output=True)
    assert load_config(path) == load_config(filled)


def test_better_recipe_differs_from_the_reproduction_where_the_docs_say():
    """If this fails: docs/recipes.md has to say why."""
    reproduction, best = (
        load_config(ROOT / "configs" / f"{profile}.cfg") for profile in ("llama-3.2-1b", "llama-3.2-1b-best")
    )
    changed = {
        key
        for key, value in flatten(best).items()
        if key not in flatten(reproduction) or flatten(reproduction)[key] != value
    }
    places = {key for key in changed if key.startswith("paths.")}
    assert changed - places == {
        "components.llama_crf_ner.model.attention",
        "components.llama_crf_ner.model.lora_target_modules",
        "components.llama_crf_ner.model.head_learn_rate_scale",
        "components.llama_crf_ner.model.get_spans.window",
        "components.llama_crf_ner.model.get_spans.stride",
        "training.batcher.size",
        "training.eval_frequency",
        "training.max_epochs",
        "training.patience",
        "training.optimizer.learn_rate.@schedules",
        "training.optimizer.learn_rate.initial_rate",
        "training.optimizer.learn_rate.total_steps",
        "training.optimizer.learn_rate.warmup_steps",
    }


def flatten(config, prefix=""):
    """RETURNS (dict): Every value under its dotted key."""
    found = {}
    for key, value in config.items():
        nested = isinstance(value, dict) and value
        found |= flatten(value, f"{prefix}{key}.") if nested else {f"{prefix}{key}": value}
    return found
