"""The command `push`, as far as it sends nothing; tests/release/test_push.py has the rest."""

import pytest
from pipeline_wheels import make_light_pipeline, make_pipeline_wheel
from ruler import save_ruler


@pytest.fixture
def wheel(tmp_path):
    return make_pipeline_wheel(tmp_path, save_ruler(tmp_path / "model"), name="ruler_ner")


def test_push_dry_run_shows_files_sizes_and_card(run, wheel):
    done = run("push", wheel, "anna/en_ruler_ner", "--dry-run")
    assert done.exit_code == 0, done.output
    output = " ".join(done.output.split())
    assert "entity_ruler/patterns.jsonl 0.00" in output
    assert wheel.name in output
    assert "files, 0.1" in output
    assert "library_name: spacy" in output
    assert "Nothing was sent to anna/en_ruler_ner" in output


def test_push_dry_run_warns(run, tmp_path, tiny_llama):
    pipeline_dir, _ = make_light_pipeline(tmp_path / "model", tiny_llama)
    done = run("push", make_pipeline_wheel(tmp_path, pipeline_dir), "anna/ner", "--dry-run")
    assert done.exit_code == 0, done.output
    output = " ".join(done.output.split())
    assert "Backbone unsloth/Llama-3.2-1B-Instruct: by reference" in output
    assert "begins with 'Llama'" in output


def test_push_bad_name(run, wheel):
    done = run("push", wheel, "ner", "--dry-run")
    assert done.exit_code == 1
    assert "Push failed" in done.output
    assert "'ner' is not a repository's name, expected owner/name. It has no owner." in done.output
