"""Saving a pipeline in one step, and the folder's replacement behind it."""

import sys

import pytest
import spacy
from spacy.language import Language

from spacy_llama_ner import replacement
from spacy_llama_ner.pipeline.checkpoint import save_whole, whole_checkpoints
from spacy_llama_ner.replacement import replace_folder


@pytest.fixture
def nlp():
    nlp = spacy.blank("en")
    nlp.add_pipe("entity_ruler")
    return nlp


@pytest.fixture(params=["in one step", "in two steps"])
def _each_way(request, monkeypatch):
    if request.param == "in two steps":
        monkeypatch.setattr(replacement, "_exchange", lambda one, two: False)


def make_folder(path, *names):
    path.mkdir()
    for name in names:
        (path / name).write_text(name)
    return path


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.usefixtures("_each_way")
def test_replaced_folder_has_the_drafts_files_alone(tmp_path):
    make_folder(tmp_path / "folder", "old", "both")
    replace_folder(make_folder(tmp_path / "draft", "new", "both"), tmp_path / "folder")
    assert names(tmp_path) == ["folder"]
    assert names(tmp_path / "folder") == ["both", "new"]


@pytest.mark.usefixtures("_each_way")
def test_draft_takes_a_place_where_nothing_is(tmp_path):
    replace_folder(make_folder(tmp_path / "draft", "new"), tmp_path / "folder")
    assert names(tmp_path) == ["folder"]


def test_exchange_on_this_system_is_one_step_or_nothing(tmp_path):
    one, two = make_folder(tmp_path / "one", "1"), make_folder(tmp_path / "two", "2")
    exchanged = replacement._exchange(one, two)
    assert exchanged or sys.platform not in ("linux", "darwin")
    assert (names(one), names(two)) == ((["2"], ["1"]) if exchanged else (["1"], ["2"]))


def test_replacement_cut_short_between_two_renames_keeps_the_old_folder(nlp, tmp_path, monkeypatch):
    monkeypatch.setattr(replacement, "_exchange", lambda one, two: False)
    save_whole(nlp, tmp_path / "nlp")
    (tmp_path / "nlp").rename(tmp_path / ".nlp-old")  # as a kill between the two leaves it

    def fail(*args, **kwargs):
        raise OSError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr(nlp.get_pipe("entity_ruler"), "to_disk", fail)
        with pytest.raises(OSError, match="disk full"):
            save_whole(nlp, tmp_path / "nlp")
    assert spacy.load(tmp_path / ".nlp-old").pipe_names == ["entity_ruler"]
    save_whole(nlp, tmp_path / "nlp")
    assert names(tmp_path) == ["nlp"]


def test_exchange_with_a_folder_that_is_not_there_is_refused(tmp_path):
    one = make_folder(tmp_path / "one", "1")
    assert not replacement._exchange(one, tmp_path / "two")
    assert names(one) == ["1"]


def test_pipeline_saved_whole_loads_and_replaces_what_was_there(nlp, tmp_path):
    make_folder(tmp_path / "nlp", "of another pipeline")
    make_folder(tmp_path / ".nlp-draft-killed", "left by a save that was killed")
    save_whole(nlp, tmp_path / "nlp")
    assert names(tmp_path) == ["nlp"]
    assert spacy.load(tmp_path / "nlp").pipe_names == ["entity_ruler"]
    assert not (tmp_path / "nlp" / "of another pipeline").exists()


def test_pipeline_saved_whole_is_as_readable_as_spacys(nlp, tmp_path):
    nlp.to_disk(tmp_path / "plain")
    save_whole(nlp, tmp_path / "whole")
    modes = [(tmp_path / name).stat().st_mode for name in ("plain", "whole")]
    assert modes[0] == modes[1]


def test_pipeline_saved_whole_leaves_excluded_parts_out(nlp, tmp_path):
    save_whole(nlp, tmp_path / "nlp", exclude=("vocab",))
    assert not (tmp_path / "nlp" / "vocab").exists()


def test_save_that_fails_leaves_the_old_pipeline(nlp, tmp_path, monkeypatch):
    save_whole(nlp, tmp_path / "nlp")
    before = {path: path.read_bytes() for path in (tmp_path / "nlp").rglob("*") if path.is_file()}

    def fail(*args, **kwargs):
        raise OSError("disk full")

    monkeypatch.setattr(nlp.get_pipe("entity_ruler"), "to_disk", fail)
    with pytest.raises(OSError, match="disk full"):
        save_whole(nlp, tmp_path / "nlp")
    assert names(tmp_path) == ["nlp"]
    assert {path: path.read_bytes() for path in (tmp_path / "nlp").rglob("*") if path.is_file()} == before


def test_pipeline_saved_whole_over_a_file_is_refused(nlp, tmp_path):
    (tmp_path / "nlp").write_text("something")
    with pytest.raises(ValueError, match="is a file; a pipeline is saved to a folder"):
        save_whole(nlp, tmp_path / "nlp")


def test_callback_gives_the_loop_a_pipeline_and_leaves_its_own_alone(nlp, tmp_path):
    view = whole_checkpoints()(nlp)
    assert isinstance(view, Language)
    assert view.pipeline == nlp.pipeline
    make_folder(tmp_path / "nlp", "of another pipeline")
    nlp.to_disk(tmp_path / "nlp")
    assert "of another pipeline" in names(tmp_path / "nlp")
    view.to_disk(tmp_path / "nlp")
    assert "of another pipeline" not in names(tmp_path / "nlp")


def test_saving_follows_a_link_to_a_folder(nlp, tmp_path):
    make_folder(tmp_path / "real")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    save_whole(nlp, tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real" / "meta.json").is_file()
