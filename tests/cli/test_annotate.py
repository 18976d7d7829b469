"""The command `annotate`."""

import gzip
import json
import sys

import pytest
from ruler import save_ruler

from spacy_llama_ner.annotation.job import Job
from spacy_llama_ner.annotation.journal import Counts
from spacy_llama_ner.annotation.source import Source
from spacy_llama_ner.cli import annotate_progress, app
from spacy_llama_ner.cli.annotate_progress import Progress


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return save_ruler(tmp_path_factory.mktemp("ruler") / "model")


def read(path):
    return [json.loads(line) for line in path.read_text(encoding="utf8").splitlines()]


def test_annotate_writes_records_with_entities_and_counts_them(run, tmp_path, model):
    (tmp_path / "in.csv").write_text("id,body\n1,To Lisbon\n2,fog\n")
    done = run("annotate", model, tmp_path / "in.csv", tmp_path / "new" / "out.jsonl", "--field", "body")
    assert done.exit_code == 0, done.output
    assert read(tmp_path / "new" / "out.jsonl") == [
        {
            "id": "1",
            "body": "To Lisbon",
            "ents": [{"start": 3, "end": 9, "label": "LOC", "text": "Lisbon", "score": None}],
        },
        {"id": "2", "body": "fog", "ents": []},
    ]
    assert "Saved 2 annotated records" in done.output
    assert "skipped" in done.output


def test_annotate_reads_standard_input_as_lines(tmp_path, model):
    from typer.testing import CliRunner

    command = ["annotate", str(model), "-", str(tmp_path / "out.jsonl")]
    done = CliRunner().invoke(app, command, input="To Lisbon\nfog\n")
    assert done.exit_code == 0, done.output
    assert [row["text"] for row in read(tmp_path / "out.jsonl")] == ["To Lisbon", "fog"]


def test_annotate_reads_compressed_lines(run, tmp_path, model):
    (tmp_path / "in.txt.gz").write_bytes(gzip.compress(b"To Lisbon\n"))
    assert run("annotate", model, tmp_path / "in.txt.gz", tmp_path / "out.jsonl").exit_code == 0
    assert len(read(tmp_path / "out.jsonl")) == 1


@pytest.mark.parametrize(
    ("lines", "options", "status", "output"),
    [
        (["fog", "b\xffd"], [], 0, "1 of 2 records were skipped"),
        (["fog", "b\xffd"], ["--strict"], 1, "1 of 2 records were skipped"),
        (["fog", "rain"], ["--strict"], 0, "Saved 2 annotated records"),
        (["b\xffd", "w\xffrse"], [], 1, "No record could be annotated"),
        ([], ["--strict"], 0, "Saved 0 annotated records"),
    ],
)
def test_annotate_status_says_whether_records_were_skipped(
    run, tmp_path, model, lines, options, status, output
):
    (tmp_path / "in.txt").write_bytes("".join(f"{line}\n" for line in lines).encode("latin-1"))
    done = run("annotate", model, tmp_path / "in.txt", tmp_path / "out.jsonl", *options)
    assert done.exit_code == status, done.output
    assert output in done.output


def test_annotate_shows_the_problems_by_kind(run, tmp_path, model):
    (tmp_path / "in.jsonl").write_text('{"id": 1}\n{"text": 3}\nno\n{"text": "fog"}\n')
    done = run("annotate", model, tmp_path / "in.jsonl", tmp_path / "out.jsonl")
    table = [line.split()[:4] for line in done.output.splitlines()]
    assert ["no", "text", "2", "1"] in table
    assert ["no", "JSON", "object", "1"] in table
    assert [p["number"] for p in read(tmp_path / "out.jsonl.errors.jsonl")] == [1, 2, 3]


@pytest.mark.parametrize(
    ("name", "options", "error"),
    [
        ("none.txt", [], "No file"),
        ("in.doc", [], "the input format 'doc' is unknown"),
        ("in.txt", ["--output-format", "parquet", "--ents-field", "text"], "cannot both be"),
    ],
)
def test_annotate_wrong_input_is_one_message(run, tmp_path, model, name, options, error):
    (tmp_path / "in.txt").write_text("fog\n")
    done = run("annotate", model, tmp_path / name, tmp_path / "out.jsonl", *options)
    assert done.exit_code == 1
    assert "Annotation failed" in done.output
    assert error in done.output
    assert "Traceback" not in done.output


def test_annotate_on_ray_without_ray_says_what_to_install(run, tmp_path, model, monkeypatch):
    monkeypatch.delitem(sys.modules, "spacy_llama_ner.annotation.ray_data", raising=False)
    monkeypatch.setitem(sys.modules, "ray", None)
    (tmp_path / "in.txt").write_text("fog\n")
    done = run("annotate", model, tmp_path / "in.txt", tmp_path / "out.jsonl", "--engine", "ray")
    assert done.exit_code == 1
    assert "pip install 'spacy-llama-ner[ray]'" in done.output


def test_annotate_that_is_interrupted_says_how_to_go_on(run, tmp_path, model, monkeypatch):
    def interrupted(*args, **settings):
        raise KeyboardInterrupt

    monkeypatch.setattr("spacy_llama_ner.annotation.run.run_job", interrupted)
    (tmp_path / "in.txt").write_text("fog\n")
    done = run("annotate", model, tmp_path / "in.txt", tmp_path / "out.jsonl")
    assert done.exit_code == 130
    assert "The same command goes on" in done.output


@pytest.fixture
def job(tmp_path, model):
    (tmp_path / "in.txt").write_text("x" * 1000)
    return Job(str(model), Source(str(tmp_path / "in.txt"), "txt"), tmp_path / "out.jsonl", "jsonl", 1, 1)


def test_progress_estimates_the_rest(job, capsys, monkeypatch):
    clock = iter([1.0, 11.0, 41.0])
    monkeypatch.setattr(annotate_progress.time, "perf_counter", lambda: next(clock))
    progress = Progress(quiet=False)
    progress.begin(job)(Counts(records=100, words=1000, position=100))
    assert capsys.readouterr().err == "Going on after 100 records\n"
    progress.show(Counts(records=200, words=2000, position=200))
    progress.show(Counts(records=300, words=3000, position=300))  # too soon for a line
    progress.show(Counts(records=600, problems=1, words=6000, position=600))
    # 400 records, 4,000 words and 400 bytes in 40 seconds; 400 bytes are left.
    assert capsys.readouterr().err == (
        "60.0% 600 records, 1 skipped, 10.0 docs/s, 100 words/s, about 1 min left\n"
    )


def test_progress_is_quiet_if_told(job, capsys, monkeypatch):
    monkeypatch.setattr(annotate_progress, "_SECONDS", 0)
    for quiet in (True, False):
        progress = Progress(quiet=quiet)
        progress.begin(job)(Counts())
        progress.show(Counts(records=1, position=1))
        progress.show(Counts(records=2, position=2))
        assert bool(capsys.readouterr().err) != quiet


def test_progress_shows_a_bar_on_a_terminal(job, capsys, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    progress = Progress(quiet=False)
    progress.begin(job)(Counts())
    progress.show(Counts(records=1, words=10, position=100))
    progress.show(Counts(records=2, words=20, position=1000))
    progress.close()
    shown = capsys.readouterr().err
    assert "100%" in shown
    assert "docs/s" in shown
