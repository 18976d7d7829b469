"""Saving where it cannot be saved: a clear error, what was there before stays whole, and nothing half written."""

import json
import os
import resource
import stat
import subprocess
import sys
import zipfile
from contextlib import contextmanager

import numpy as np
import pytest
import spacy
from hostile_support import PIPE, annotated, emissions, make_pipeline, write_docs
from ruler import save_ruler
from typer.testing import CliRunner

from spacy_llama_ner.cli import app
from spacy_llama_ner.replacement import write_whole


@contextmanager
def full_disk(size):
    """No file can grow beyond a size: the kernel refuses as it does on a full disk, with an OSError."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def contents(folder):
    return {
        path.relative_to(folder): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }


@pytest.fixture
def pipe(saved_inside):
    """A component whose weights are not those that were saved."""
    nlp = spacy.load(saved_inside)
    nlp.get_pipe(PIPE).shim.network.head.weight.data.add_(1.0)
    return nlp.get_pipe(PIPE)


# a pipeline


@pytest.mark.parametrize("size", [0, 1000, 5000, 10_000, 70_000])
def test_former_save_stays_whole_on_a_full_disk(saved_inside, copy_of, pipe, size):
    folder = copy_of(saved_inside)
    before = contents(folder)
    assert size < max(map(len, before.values()))
    with (
        full_disk(size),
        pytest.raises(OSError, match=r"cannot save to .*model \(.*; what was there before is as it"),
    ):
        pipe.to_disk(folder / PIPE, exclude=["vocab"])
    assert contents(folder) == before
    spacy.load(folder)


def test_full_disk_is_full_for_each_of_the_files(saved_inside, tmp_path):
    """The table above meets every writer: torch's, peft's, tokenizers' and our own."""
    sizes = {
        path.name: path.stat().st_size
        for path in (saved_inside / PIPE / "model").rglob("*")
        if path.is_file()
    }
    assert sizes["head.safetensors"] > 1000
    assert sizes["adapter_model.safetensors"] > 5000
    assert sizes["tokenizer.json"] > 10_000
    assert sizes["model.safetensors"] > 70_000


def test_whole_pipeline_on_a_full_disk_leaves_the_former_one_loadable(saved_inside, copy_of):
    folder = copy_of(saved_inside)
    nlp = spacy.load(folder)
    nlp.get_pipe(PIPE).shim.network.head.weight.data.add_(1.0)
    largest = max(
        path.stat().st_size for path in folder.rglob("*") if PIPE not in path.parts and path.is_file()
    )
    model = (folder / PIPE / "model" / "backbone" / "model.safetensors").stat().st_size
    with full_disk(model - 1), pytest.raises(OSError, match="cannot save to .* Is the disk full"):
        nlp.to_disk(folder)
    assert largest < model  # so it was our file that failed
    np.testing.assert_array_equal(emissions(spacy.load(folder)), emissions(spacy.load(saved_inside)))


def test_first_save_on_a_full_disk_leaves_nothing(pipe, tmp_path):
    with full_disk(5000), pytest.raises(OSError, match="cannot save to"):
        pipe.to_disk(tmp_path / "pipe", exclude=["vocab"])
    assert not list((tmp_path / "pipe").iterdir())


def test_save_goes_through_once_there_is_room_again(saved_inside, copy_of, pipe):
    folder = copy_of(saved_inside)
    with full_disk(5000), pytest.raises(OSError, match="cannot save to"):
        pipe.to_disk(folder / PIPE, exclude=["vocab"])
    pipe.to_disk(folder / PIPE, exclude=["vocab"])
    doc = spacy.blank("xx").make_doc("Anna left.")
    np.testing.assert_array_equal(
        spacy.load(folder).get_pipe(PIPE).model.predict([doc])[0], pipe.model.predict([doc])[0]
    )


def test_cfg_is_written_whole_or_not_at_all(saved_inside, copy_of):
    folder = copy_of(saved_inside) / PIPE
    untrained = spacy.load(saved_inside, exclude=[PIPE]).add_pipe(PIPE)
    untrained.add_label("ORG")
    before = (folder / "cfg").read_bytes()
    with full_disk(10), pytest.raises(OSError, match="too large"):
        untrained.to_disk(folder, exclude=["vocab", "model"])
    assert (folder / "cfg").read_bytes() == before


@pytest.mark.parametrize("part", ["pipe", "pipe/model"])
def test_save_to_a_file_is_refused_and_leaves_the_file(pipe, tmp_path, part):
    path = tmp_path / part
    path.parent.mkdir(exist_ok=True)
    path.write_text("mine", encoding="utf8")
    with pytest.raises(ValueError, match=f"{part} is a file; a network is saved to a folder"):
        pipe.to_disk(tmp_path / "pipe", exclude=["vocab"])
    assert path.read_text(encoding="utf8") == "mine"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_save_to_a_write_protected_folder_is_one_clear_error(pipe, tmp_path):
    (tmp_path / "pipe").mkdir()
    (tmp_path / "pipe").chmod(0o555)
    with pytest.raises(OSError, match="cannot save to .*Permission denied"):
        pipe.to_disk(tmp_path / "pipe", exclude=["vocab"])
    assert not list((tmp_path / "pipe").iterdir())


@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002], ids=oct)
def test_saved_files_have_the_modes_that_the_umask_asks_for(pipe, tmp_path, mask):
    before = os.umask(mask)
    try:
        pipe.to_disk(tmp_path / "pipe")
    finally:
        os.umask(before)
    paths = list((tmp_path / "pipe").rglob("*"))
    assert {stat.S_IMODE(path.stat().st_mode) for path in paths if path.is_file()} == {0o666 & ~mask}
    assert {stat.S_IMODE(path.stat().st_mode) for path in paths if path.is_dir()} == {0o777 & ~mask}


def test_to_bytes_on_a_full_disk_is_one_clear_error(tiny_llama):
    nlp = make_pipeline(tiny_llama)
    with full_disk(1000), pytest.raises(OSError, match="cannot save to"):
        nlp.to_bytes()


# single files


@pytest.mark.parametrize("exists", [True, False])
def test_write_whole_on_a_full_disk_leaves_what_was_there(tmp_path, exists):
    path = tmp_path / "file"
    if exists:
        path.write_bytes(b"before")
    with full_disk(100), pytest.raises(OSError, match="too large"):
        write_whole(path, b"x" * 101)
    assert [file.read_bytes() for file in tmp_path.iterdir()] == ([b"before"] if exists else [])


def test_write_whole_writes_where_a_link_points(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "real")
    for content in (b"one", b"two"):
        write_whole(tmp_path / "link", content)
        assert (tmp_path / "link").is_symlink()
        assert (tmp_path / "real").read_bytes() == content


def test_write_whole_writes_into_a_pipe(tmp_path):
    """As into /dev/stdout: what is no file is not replaced by one."""
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    try:
        write_whole(tmp_path / "pipe", b"through")
        assert os.read(reader, 100) == b"through"
    finally:
        os.close(reader)
    assert [stat.S_ISFIFO(path.stat().st_mode) for path in tmp_path.iterdir()] == [True]


def test_whole_file_through_a_device_is_written_as_it_is():
    """`evaluate -o /dev/stdout`, into a pipe: its resolved name is of no file."""
    code = "from pathlib import Path; from spacy_llama_ner.replacement import write_whole as w; "
    code += "print('before', flush=True); w(Path('/dev/stdout'), b'through')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "before\nthrough"


# the commands


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def corpus(tmp_path):
    """A folder with train.conll, of 40 sentences, and an earlier conversion of another file."""
    lines = [f"Anna{number} B-PER\nleft O\n\n" for number in range(40)]
    (tmp_path / "train.conll").write_text("".join(lines), encoding="utf8")
    (tmp_path / "old.conll").write_text("Oslo B-LOC\n", encoding="utf8")
    assert run("convert", tmp_path / "old.conll", tmp_path / "train.spacy").exit_code == 0
    return tmp_path


@pytest.mark.parametrize("size", [0, 100, 300])
def test_convert_on_a_full_disk_leaves_the_former_files(corpus, size):
    before = contents(corpus)
    with full_disk(size):
        done = run("convert", corpus / "train.conll", corpus / "train.spacy")
    assert done.exit_code == 1
    assert "Conversion failed" in done.output
    assert "File too large" in done.output
    assert contents(corpus) == before


def test_convert_on_a_full_disk_leaves_nothing_where_nothing_was(corpus):
    with full_disk(100):
        assert run("convert", corpus / "train.conll", corpus / "new" / "train.spacy").exit_code == 1
    assert not list((corpus / "new").iterdir())


def test_convert_to_a_folder_is_one_message(corpus):
    (corpus / "folder.spacy").mkdir()
    done = run("convert", corpus / "train.conll", corpus / "folder.spacy")
    assert done.exit_code == 1
    assert "Is a directory" in done.output
    assert isinstance(done.exception, SystemExit)


@pytest.mark.parametrize("exists", [True, False])
def test_evaluate_on_a_full_disk_leaves_no_half_file(tmp_path, exists):
    write_docs(tmp_path / "test.spacy", annotated(1))
    model, output = save_ruler(tmp_path / "model"), tmp_path / "metrics" / "test.json"
    if exists:
        assert run("evaluate", model, tmp_path / "test.spacy", "--output", output).exit_code == 0
    before = contents(tmp_path)
    with full_disk(200):
        done = run("evaluate", model, tmp_path / "test.spacy", "--output", output)
    assert done.exit_code == 1
    assert "File too large" in done.output
    assert contents(tmp_path) == before


@pytest.mark.parametrize("target", ["folder", "file/test.json"])
def test_evaluate_to_where_no_file_can_be_is_one_message(tmp_path, target):
    write_docs(tmp_path / "test.spacy", annotated(1))
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    done = run(
        "evaluate", save_ruler(tmp_path / "model"), tmp_path / "test.spacy", "--output", tmp_path / target
    )
    assert done.exit_code == 1
    assert "Evaluation failed" in done.output
    assert isinstance(done.exception, SystemExit)


def test_failed_package_leaves_the_former_one_whole(tmp_path):
    packages = tmp_path / "packages"
    done = run("package", save_ruler(tmp_path / "model"), packages, "--name", "ruler", "--version", "0.1.0")
    assert done.exit_code == 0, done.output
    before = contents(packages)
    wheel = next(packages.rglob("*.whl"))
    assert zipfile.ZipFile(wheel).testzip() is None
    broken = save_ruler(tmp_path / "broken", requirements=())  # found out when the wheel has been built
    done = run("package", broken, packages, "--name", "ruler", "--version", "0.1.0")
    assert done.exit_code == 1
    assert "does not require spacy-llama-ner" in done.output
    assert contents(packages) == before


def test_package_on_a_full_disk_leaves_nothing(tmp_path):
    model = save_ruler(tmp_path / "model")
    with full_disk(300):
        done = run("package", model, tmp_path / "packages", "--name", "ruler", "--version", "0.1.0")
    assert done.exit_code == 1
    assert "Packaging failed" in done.output
    assert isinstance(done.exception, SystemExit)
    assert not list((tmp_path / "packages").iterdir())


def test_package_of_a_pipeline_with_a_broken_meta_is_one_message(tmp_path):
    model = save_ruler(tmp_path / "model")
    meta = (model / "meta.json").read_text(encoding="utf8")
    for content in ("", meta[:40], "[]", json.dumps({"name": "x"})):
        (model / "meta.json").write_text(content, encoding="utf8")
        done = run("package", model, tmp_path / "packages", "--name", "ruler", "--version", "0.1.0")
        assert done.exit_code == 1
        assert isinstance(done.exception, SystemExit)
        assert "meta.json" in done.output
