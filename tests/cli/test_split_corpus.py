import json

import pytest

from spacy_llama_ner.corpus.build import read_markup_corpus


@pytest.fixture
def folder(tmp_path):
    """Twenty articles of two sentences, without splits.json."""
    (tmp_path / "articles").mkdir()
    for i in range(20):
        text = f"# topic: sea\n[PER Anna{i}] sails .\n[LOC Oslo] waits .\n"
        (tmp_path / "articles" / f"{i:03}-x.txt").write_text(text, encoding="utf-8")
    return tmp_path


def test_split_corpus_writes_what_build_corpus_reads(run, folder):
    assert run("split-corpus", folder).exit_code == 0
    corpora = read_markup_corpus(folder)
    assert {split: len(x.articles) for split, x in corpora.items()} == {"train": 16, "dev": 2, "test": 2}


def test_split_corpus_prints_sizes_and_goals(run, folder):
    result = run("split-corpus", folder, "--dev", 0.2)
    found = [line.split() for line in result.output.splitlines()]
    assert ["train", "14", "28"] in found
    assert ["dev", "4", "8"] in found
    assert "Labels differ by 0.0 points at most from the whole corpus." in result.output
    assert (
        "Of the persons and organisations of dev and test 0.0% have names that train has too."
        in result.output
    )


def test_split_corpus_is_deterministic_in_its_seed(run, folder):
    written = []
    for seed in (3, 3, 4):
        run("split-corpus", folder, "--seed", seed)
        written.append((folder / "splits.json").read_bytes())
    assert written[0] == written[1] != written[2]


def test_split_corpus_replaces_splits(run, folder):
    (folder / "splits.json").write_text('{"dev": ["gone"]}', encoding="utf-8")
    assert run("split-corpus", folder).exit_code == 0
    assert set(json.loads((folder / "splits.json").read_text(encoding="utf-8"))) == {"dev", "test"}


def test_split_corpus_keeps_splits_where_it_fails(run, folder):
    for i in range(11):
        (folder / "articles" / f"{i:03}-x.txt").unlink()
    (folder / "splits.json").write_text("old", encoding="utf-8")
    result = run("split-corpus", folder)
    assert result.exit_code == 1
    assert "9 articles are too few to split: expected 10 at least" in result.output
    assert (folder / "splits.json").read_text(encoding="utf-8") == "old"
