"""The command `package`."""

import json
import zipfile
from pathlib import Path

import pytest
import spacy
from half_learned import PIPE, make_half_learned, save_docs
from ruler import make_gold, make_ruler, save_corpus, save_ruler

ROOT = Path(__file__).parents[2]


def test_package_builds_both_wheels(run, tmp_path, monkeypatch):
    model_dir = save_ruler(tmp_path / "model")
    corpus = save_corpus(
        tmp_path / "test.spacy", [make_gold(make_ruler(), [("Lisbon slept", ["B-LOC", "O"])])]
    )
    assert run("evaluate", model_dir, corpus, "--output", tmp_path / "m.json").exit_code == 0
    monkeypatch.chdir(ROOT)
    done = run(
        *("package", model_dir, tmp_path / "packages", "--name", "llama_crf_ner", "--version", "0.3.0"),
        *("--metrics", tmp_path / "m.json", "--about", ROOT / "configs" / "mini.about.json"),
        *("--with-project", "--project-output", tmp_path / "dist"),
    )
    assert done.exit_code == 0, done.output
    package_dir = tmp_path / "packages" / "en_llama_crf_ner-0.3.0"
    archive = zipfile.ZipFile(package_dir / "dist" / "en_llama_crf_ner-0.3.0-py3-none-any.whl")
    meta = json.loads(archive.read("en_llama_crf_ner/meta.json"))
    assert meta["performance"]["ents_f"] == 1.0
    assert meta["license"] == "CC BY-SA 3.0"
    assert {"CC BY 4.0", "CC BY 2.5"} <= {source["license"] for source in meta["sources"]}
    assert len(list((tmp_path / "dist").glob("spacy_llama_ner-*.whl"))) == 1
    assert "It requires spacy-llama-ner" in done.output
    assert " MB)" in done.output


def test_package_without_the_requirement_fails(run, tmp_path):
    model_dir = save_ruler(tmp_path / "model", requirements=())
    done = run("package", model_dir, tmp_path / "packages")
    assert done.exit_code == 1
    assert "Packaging failed" in done.output
    assert "does not require spacy-llama-ner" in done.output


def test_package_missing_metrics(run, tmp_path):
    done = run(
        "package", save_ruler(tmp_path / "model"), tmp_path / "packages", "--metrics", tmp_path / "m.json"
    )
    assert done.exit_code == 1
    assert "m.json" in done.output
    assert "Traceback" not in done.output


def test_package_with_project_outside_a_checkout(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = run("package", save_ruler(tmp_path / "model"), "packages", "--with-project")
    assert done.exit_code == 1
    assert "is not the folder of spacy-llama-ner" in done.output


@pytest.fixture(scope="module")
def trained(tiny_llama, tmp_path_factory):
    """The folder of a tiny trained pipeline; not to be written to."""
    folder = tmp_path_factory.mktemp("trained") / "nlp"
    make_half_learned(tiny_llama).to_disk(folder)
    return folder


@pytest.fixture
def stub_trials(monkeypatch):
    """A function that says which score Ann has in the original and in what is packaged, instead of running either."""
    from spacy_llama_ner.release import trial

    def stub(*scores):
        answers = iter(scores)

        def answer(pipeline_dir, inputs, *, gpu_id):
            stub.inputs = inputs
            ann = {"start": 0, "end": 3, "text": "Ann", "label": "PER", "score": next(answers)}
            costs = {"load_seconds": 1.0, "peak_bytes": 1, "words": 1, "predict_seconds": 1.0, "f1": None}
            return {**costs, "entities": [[ann]]}

        monkeypatch.setattr(trial, "try_pipeline", answer)
        return stub

    return stub


@pytest.fixture
def samples(tmp_path):
    path = tmp_path / "samples.txt"
    path.write_text("Ann\nleft.\n\nNobody stayed.\n", encoding="utf8")
    return path


def words(done):
    return " ".join(done.output.split())


def test_package_full_compares_on_a_corpus_and_builds_it(run, trained, tmp_path):
    dev = save_docs(tmp_path / "dev.spacy", 6, seed=0)
    done = run("package", trained, tmp_path / "out", "--kind", "full", "--dev", dev)
    assert done.exit_code == 0, done.output
    assert "load, s" in done.output
    assert "F1, percent" in done.output
    assert "Same 12 entities in 6 texts of" in words(done)
    [wheel] = tmp_path.glob("out/en_llama_crf_ner-0.1.0/dist/*.whl")
    zipfile.ZipFile(wheel).extractall(tmp_path / "installed")
    [config] = tmp_path.glob("installed/en_llama_crf_ner/*/config.cfg")
    assert spacy.load(config.parent).get_pipe(PIPE).shim.settings.peft is None


def test_package_light_compares_on_samples(run, trained, tmp_path, stub_trials, samples):
    stub = stub_trials(0.5, 0.5004)
    done = run("package", trained, tmp_path / "out", "--kind", "light", "--texts", samples)
    assert done.exit_code == 0, done.output
    assert stub.inputs == ["Ann left.", "Nobody stayed."]
    assert "(largest score difference 4.0e-04, tolerance 0.05)" in words(done)


def test_package_full_that_predicts_otherwise_is_refused(run, trained, tmp_path, stub_trials, samples):
    old = tmp_path / "out" / "en_llama_crf_ner-0.1.0" / "old"
    old.mkdir(parents=True)
    stub_trials(0.5, 0.7)
    done = run("package", trained, tmp_path / "out", "--kind", "full", "--texts", samples)
    assert done.exit_code == 1
    assert "The full pipeline does not predict as the original one does" in done.output
    assert "The score of 'Ann' in text 1 differs by 0.2, more than 0.05" in done.output
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["en_llama_crf_ner-0.1.0"]
    assert old.is_dir()


@pytest.mark.parametrize("option", [["--accept-differences"], ["--tolerance", "0.3"]], ids=lambda o: o[0])
def test_package_full_that_predicts_otherwise_can_be_accepted(
    run, trained, tmp_path, stub_trials, samples, option
):
    stub_trials(0.5, 0.7)
    done = run("package", trained, tmp_path / "out", "--kind", "full", "--texts", samples, *option)
    assert done.exit_code == 0, done.output
    assert ("Accepted: the full pipeline predicts otherwise" in words(done)) == (option[0] != "--tolerance")


def test_package_kind_of_a_pipeline_without_a_backbone(run, tmp_path, samples):
    done = run(
        "package", save_ruler(tmp_path / "nlp"), tmp_path / "out", "--kind", "light", "--texts", samples
    )
    assert done.exit_code == 1
    assert "no component llama_crf_ner" in done.output


def test_package_full_with_a_corpus_that_cannot_be_read(run, trained, tmp_path):
    done = run("package", trained, tmp_path / "out", "--kind", "full", "--dev", tmp_path / "dev.spacy")
    assert done.exit_code == 1
    assert "No corpus at" in done.output
    assert not (tmp_path / "out").exists()
