"""The command `analyze`."""

import json

import pytest
from ruler import make_gold, make_ruler, save_corpus, save_ruler

# The ruler finds Lisbon and Norway as LOC; here Norway is a team, and Oslo is missed.
TEST = [("Lisbon slept .", ["B-LOC", "O", "O"]), ("Norway beat Oslo", ["B-ORG", "O", "B-LOC"])]
TRAIN = [("Oslo froze", ["B-LOC", "O"])]


@pytest.fixture
def model(tmp_path):
    return save_ruler(tmp_path / "model")


@pytest.fixture
def corpus(tmp_path):
    return save_corpus(tmp_path / "test.spacy", [make_gold(make_ruler(), TEST)])


def test_analyze_prints_and_writes(run, tmp_path, model, corpus):
    train = save_corpus(tmp_path / "train.spacy", [make_gold(make_ruler(), TRAIN)])
    output, markdown = tmp_path / "new" / "errors.json", tmp_path / "errors.md"
    done = run("analyze", model, corpus, "--train", train, "--output", output, "--markdown", markdown)
    assert done.exit_code == 0, done.output
    for part in ("Errors by class", "label: ORG as LOC, 1", "Name in training", "Nothing stands out"):
        assert part in done.output
    result = json.loads(output.read_text(encoding="utf8"))
    assert (result["model"], result["corpus"], result["train"]) == (str(model), str(corpus), str(train))
    assert result["counts"]["gold"] == 3
    assert (result["errors"]["label"], result["errors"]["missed"]) == (1, 1)
    seen = {row["bucket"]: row["recall"] for row in result["factors"]["seen"]}
    assert seen == {"seen with this label": 0.0, "unseen": 0.5}
    assert "Norway: Norway beat Oslo" in markdown.read_text(encoding="utf8")


def test_analyze_without_files(run, model, corpus):
    done = run("analyze", model, corpus, "--batch-size", 1)
    assert done.exit_code == 0, done.output
    assert "Name in training" not in done.output
    assert "Saved" not in done.output


def test_analyze_help_says_that_files_quote_the_corpus(run):
    assert "quote the corpus" in " ".join(run("analyze", "--help").output.split())


@pytest.mark.parametrize(
    ("missing", "error"), [("corpus", "No corpus at"), ("train", "No corpus at"), ("model", "E050")]
)
def test_analyze_missing_input_is_one_message(run, tmp_path, model, corpus, missing, error):
    paths = {"model": model, "corpus": corpus, "train": corpus, missing: tmp_path / "none"}
    done = run(
        "analyze", paths["model"], paths["corpus"], "--train", paths["train"], "--output", tmp_path / "e.json"
    )
    assert done.exit_code == 1
    assert "Analysis failed" in done.output
    assert error in done.output
    assert "Traceback" not in done.output
    assert not (tmp_path / "e.json").exists()
