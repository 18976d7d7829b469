import pytest
import spacy
from half_learned import PIPE

from spacy_llama_ner.calibration.saving import check_output, save_calibrated


def content(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_save_calibrated_changes_the_temperature_alone(folder, tmp_path):
    (folder / "NOTES.md").write_text("mine")
    nlp = spacy.load(folder)
    nlp.get_pipe(PIPE).temperature = 2.5
    save_calibrated(nlp, tmp_path / "new" / "calibrated")
    before, after = content(folder), content(tmp_path / "new" / "calibrated")
    assert before.keys() == after.keys()
    assert [name for name in before if before[name] != after[name]] == [f"{PIPE}/cfg"]
    assert spacy.load(tmp_path / "new" / "calibrated").get_pipe(PIPE).temperature == 2.5


def test_save_calibrated_to_the_pipelines_own_folder(folder, tmp_path):
    nlp = spacy.load(folder)
    nlp.get_pipe(PIPE).temperature = 2.5
    save_calibrated(nlp, folder)
    assert spacy.load(folder).get_pipe(PIPE).temperature == 2.5
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_save_calibrated_that_fails_leaves_what_was_there(folder, tmp_path, monkeypatch):
    nlp = spacy.load(folder)
    before = content(folder)

    def fail(*args, **kwargs):
        raise OSError("no space")

    monkeypatch.setattr(nlp.get_pipe(PIPE), "to_disk", fail)
    with pytest.raises(OSError, match="no space"):
        save_calibrated(nlp, folder)
    assert content(folder) == before
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


@pytest.mark.parametrize("name", ["new", "empty", "model"])
def test_check_output_takes_new_and_empty_folders_and_the_models_own(folder, tmp_path, name):
    (tmp_path / "empty").mkdir()
    check_output(tmp_path / name, model=str(folder), force=False)


def test_check_output_replaces_another_pipeline_only_if_told_so(folder, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "meta.json").write_text("{}")
    with pytest.raises(ValueError, match="other holds another pipeline: replace it with --force"):
        check_output(other, model=str(folder), force=False)
    check_output(other, model=str(folder), force=True)


@pytest.mark.parametrize("force", [False, True])
def test_check_output_never_replaces_what_is_no_pipeline(folder, tmp_path, force):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "letter.txt").write_text("Dear")
    with pytest.raises(ValueError, match="home is a folder that holds no pipeline"):
        check_output(tmp_path / "home", model=str(folder), force=force)
    with pytest.raises(ValueError, match=r"letter.txt is a file; a pipeline is saved to a folder"):
        check_output(tmp_path / "home" / "letter.txt", model=str(folder), force=force)


def test_check_output_inside_of_the_model_is_refused(folder):
    with pytest.raises(ValueError, match="is inside of the pipeline"):
        check_output(folder / "calibrated", model=str(folder), force=True)
