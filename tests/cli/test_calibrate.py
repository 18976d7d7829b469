"""The command `calibrate`."""

import json

import pytest
import spacy
from half_learned import PIPE, make_half_learned, save_docs
from ruler import save_ruler


@pytest.fixture(scope="module")
def trained(tiny_llama, tmp_path_factory):
    folder = tmp_path_factory.mktemp("half-learned")
    make_half_learned(tiny_llama).to_disk(folder / "model")
    save_docs(folder / "dev.spacy", 80, seed=1)
    save_docs(folder / "test.spacy", 80, seed=2)
    save_docs(folder / "few.spacy", 2, seed=3)
    return folder


def found(folder):
    doc = spacy.load(folder)("Anna left Oslo on Monday. Jean left Berlin.")
    return [(ent.text, ent.label_) for ent in doc.ents], [ent._.score for ent in doc.ents]


def test_calibrate_stores_the_temperature_and_reports(run, tmp_path, trained):
    output, report = tmp_path / "calibrated", tmp_path / "metrics" / "calibration.json"
    corpora = (trained / "dev.spacy", output, "--test", trained / "test.spacy")
    done = run("calibrate", trained / "model", *corpora, "--report", report)
    assert done.exit_code == 0, done.output
    result = json.loads(report.read_text(encoding="utf8"))
    assert result["model"] == str(trained / "model")
    assert result["dev_corpus"] == str(trained / "dev.spacy")
    assert result["test_corpus"] == str(trained / "test.spacy")
    assert result["temperature"] == spacy.load(output).get_pipe(PIPE).temperature > 1.5
    assert result["test"]["after"]["ece"] < result["test"]["before"]["ece"]
    assert "test, after" in done.output
    assert f"with temperature {result['temperature']:.3f}" in done.output

    (entities, scores), (same, softer) = found(trained / "model"), found(output)
    assert entities == same
    assert len(scores) >= 4
    assert all(new < old for new, old in zip(softer, scores, strict=True))


def test_calibrate_without_test_and_report(run, tmp_path, trained):
    done = run("calibrate", trained / "model", trained / "dev.spacy", tmp_path / "calibrated")
    assert done.exit_code == 0, done.output
    assert "dev, after" in done.output
    assert "test, after" not in done.output
    assert [path.name for path in tmp_path.iterdir()] == ["calibrated"]


def test_calibrate_of_a_calibrated_pipeline_in_its_place_changes_nothing(run, tmp_path, trained):
    output = tmp_path / "calibrated"
    assert run("calibrate", trained / "model", trained / "dev.spacy", output).exit_code == 0
    before = (output / PIPE / "cfg").read_bytes()
    done = run("calibrate", output, trained / "dev.spacy", output)
    assert done.exit_code == 0, done.output
    assert (output / PIPE / "cfg").read_bytes() == before


def test_calibrate_if_possible_leaves_the_temperature_where_it_cannot_be_fitted(run, tmp_path, trained):
    output = tmp_path / "calibrated"
    done = run("calibrate", trained / "model", trained / "few.spacy", output, "--if-possible")
    assert done.exit_code == 0, done.output
    assert "The temperature stays 1." in done.output.replace("\n", " ")
    assert spacy.load(output).get_pipe(PIPE).temperature == 1.0


@pytest.mark.parametrize(
    ("dev", "output", "message"),
    [
        ("none.spacy", "new", "No corpus at"),
        ("few.spacy", "new", "predicts 4 entities, which is too few"),
        ("dev.spacy", "other", "holds another pipeline: replace it with --force"),
    ],
)
def test_calibrate_that_cannot_be_is_one_message(run, tmp_path, trained, dev, output, message):
    save_ruler(tmp_path / "other")
    done = run("calibrate", trained / "model", trained / dev, tmp_path / output)
    assert done.exit_code == 1
    assert "Calibration failed" in done.output
    assert message in done.output.replace("\n", " ")
    assert "Traceback" not in done.output
    assert [path.name for path in tmp_path.iterdir()] == ["other"]


def test_calibrate_replaces_another_pipeline_with_force(run, tmp_path, trained):
    other = save_ruler(tmp_path / "other")
    done = run("calibrate", trained / "model", trained / "dev.spacy", other, "--force")
    assert done.exit_code == 0, done.output
    assert spacy.load(other).pipe_names == [PIPE]


def test_calibrate_of_a_pipeline_without_the_component_is_one_message(run, tmp_path, trained):
    done = run("calibrate", save_ruler(tmp_path / "ruler"), trained / "dev.spacy", tmp_path / "new")
    assert done.exit_code == 1
    assert "0 components llama_crf_ner among entity_ruler" in done.output
