import hashlib

import pytest

from spacy_llama_ner.pretraining.once import digest_files, make_once


def write(text):
    return lambda folder: (folder / "content").write_text(text) and None


def test_make_once_makes_again_only_for_another_key(tmp_path):
    folder = tmp_path / "made"
    for key, text, expected in (
        ({"a": [1]}, "one", "one"),
        ({"a": [1]}, "two", "one"),
        ({"a": [2]}, "three", "three"),
    ):
        make_once(folder, key, write(text))
        assert (folder / "content").read_text() == expected


def test_make_once_leaves_the_old_folder_after_an_interrupt(tmp_path):
    def interrupted(folder):
        write("half")(folder)
        raise KeyboardInterrupt

    folder = make_once(tmp_path / "made", {"a": 1}, write("one"))
    with pytest.raises(KeyboardInterrupt):
        make_once(folder, {"a": 2}, interrupted)
    assert (folder / "content").read_text() == "one"
    assert (make_once(folder, {"a": 2}, write("two")) / "content").read_text() == "two"


def test_digest_files_tells_contents_apart(tmp_path):
    paths = [tmp_path / "a", tmp_path / "b"]
    for path in paths:
        path.write_text(path.name)
    assert digest_files(paths) == [hashlib.sha256(text).hexdigest() for text in (b"a", b"b")]
