"""Whole jobs: each output, going on after a stop, and what is refused."""

import json
import os
import re
from datetime import datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from ruler import make_ruler
from spacy.tokens import DocBin

from spacy_llama_ner.annotation.batches import open_batches
from spacy_llama_ner.annotation.local import annotate_here
from spacy_llama_ner.annotation.run import run_job

TEXTS = [
    "To Lisbon",
    "b\xffad",
    "rain",
    "Norway and Lisbon",
    "",
    "Ilse Vandermeer",
    "fog",
    "Lisbon",
    "Norway",
]


def write_txt(folder, texts=TEXTS):
    path = folder / "in.txt"
    path.write_bytes(b"".join(text.encode("latin-1") + b"\n" for text in texts))
    return path


def read_jsonl(path):
    return [json.loads(line) for line in path.read_text(encoding="utf8").splitlines()]


def names(row):
    return [ent["text"] for ent in row["ents"]]


class Stop(Exception):
    """Stands for whatever ends a run early."""


def stop_after(batches):
    """RETURNS (Callable): An engine that fails after some batches."""

    def engine(job, done):
        for result in annotate_here(job, done):
            if result.index == batches:
                raise Stop
            yield result

    return engine


def test_run_keeps_the_order_and_lists_what_it_skipped(tmp_path, make_job, run):
    write_txt(tmp_path)
    summary = run(make_job("in.txt"))
    rows = read_jsonl(tmp_path / "out.jsonl")
    assert [row["text"] for row in rows] == [text for text in TEXTS if "\xff" not in text]
    assert names(rows[2]) == ["Norway", "Lisbon"]
    (problem,) = read_jsonl(tmp_path / "out.jsonl.errors.jsonl")
    assert (problem["number"], problem["kind"]) == (2, "not UTF-8")
    assert "0xff" in problem["reason"]
    counts = summary.counts
    assert (counts.records, counts.problems, counts.ents, counts.batches) == (9, 1, 6, 5)
    assert [(kind.kind, kind.count, kind.first.number) for kind in summary.kinds] == [("not UTF-8", 1, 2)]
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "in.txt",
        "out.jsonl",
        "out.jsonl.errors.jsonl",
    ]


def test_run_without_problems_removes_an_old_list_of_them(tmp_path, make_job, run):
    write_txt(tmp_path, ["Oslo"])
    (tmp_path / "out.jsonl.errors.jsonl").write_text("old")
    assert run(make_job("in.txt")).errors is None
    assert not (tmp_path / "out.jsonl.errors.jsonl").exists()


@pytest.mark.parametrize("output", ["out.jsonl", "out.parquet", "out.spacy", "out"])
def test_run_of_no_record_gives_an_empty_output(tmp_path, make_job, run, output):
    write_txt(tmp_path, [])
    assert run(make_job("in.txt", output=output)).counts.records == 0
    path = tmp_path / output
    if output == "out.jsonl":
        assert path.read_bytes() == b""
    elif output == "out.parquet":
        assert pq.read_table(path).num_rows == 0
    else:
        assert path.exists()


def test_docbin_output_has_the_docs_in_order(tmp_path, make_job, run):
    write_txt(tmp_path)
    run(make_job("in.txt", output="out.spacy"))
    docs = list(DocBin().from_disk(tmp_path / "out.spacy").get_docs(make_ruler().vocab))
    assert [doc.text for doc in docs] == [text for text in TEXTS if "\xff" not in text]
    assert [ent.text for ent in docs[2].ents] == ["Norway", "Lisbon"]


def test_folder_output_is_a_corpus_of_parts(tmp_path, make_job, run):
    write_txt(tmp_path)
    run(make_job("in.txt", output="out"))
    paths = sorted((tmp_path / "out").iterdir())
    assert [path.name for path in paths] == ["000000.spacy", "000001.spacy", "000002.spacy"]
    vocab = make_ruler().vocab
    docs = [doc for path in paths for doc in DocBin().from_disk(path).get_docs(vocab)]
    assert [doc.text for doc in docs] == [text for text in TEXTS if "\xff" not in text]


def test_parquet_output_of_json_finds_a_type_for_each_column(tmp_path, make_job, run):
    rows = [
        {"text": "Lisbon", "n": 1, "mixed": 1, "tags": ["a"], "none": None, "empty": {}, "big": 2**60 + 1},
        {"text": "rain", "n": None, "mixed": "one", "tags": [], "late": True},
        *({"text": "fog"} for _ in range(3)),
        {"text": "Norway", "n": 0.5, "mixed": [2], "at": {"x": 1}, "big": 0.5},
    ]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    summary = run(make_job("in.jsonl", output="out.parquet"))
    table = pq.read_table(tmp_path / "out.parquet")
    assert [re.findall("'(.*)'", note) for note in summary.notes] == [["mixed"], ["empty"], ["big"]]
    assert table.schema.names[-1] == "ents"
    first, last = table.to_pylist()[0], table.to_pylist()[-1]
    ent = {"start": 0, "end": 6, "label": "LOC", "text": "Lisbon", "score": None}
    assert first.pop("ents") == [ent]
    assert first == {
        **{"text": "Lisbon", "n": 1.0, "mixed": "1", "tags": ["a"], "none": None, "empty": "{}"},
        **{"big": str(2**60 + 1), "late": None, "at": None},
    }
    assert (last["n"], last["mixed"], last["at"], last["big"]) == (0.5, "[2]", {"x": 1}, "0.5")


def parquet_input(folder):
    rows = [
        {"id": i, "text": text, "at": datetime(2020, 1, 1, i), "raw": b"\x00\xff", "tags": {"a": [i]}}
        for i, text in enumerate(["Lisbon", None, "rain", "Norway", "fog", "Lisbon"])
    ]
    schema = pa.schema(
        {
            "id": pa.int16(),
            "text": pa.large_string(),
            "at": pa.timestamp("ms"),
            "raw": pa.binary(),
            "tags": pa.struct({"a": pa.list_(pa.int8())}),
        }
    )
    pq.write_table(pa.Table.from_pylist(rows, schema), folder / "in.parquet")
    return rows, schema


def test_parquet_output_of_parquet_keeps_all_types(tmp_path, make_job, run):
    rows, schema = parquet_input(tmp_path)
    summary = run(make_job("in.parquet", output="out.parquet"))
    table = pq.read_table(tmp_path / "out.parquet")
    assert table.schema.names == [*schema.names, "ents"]
    assert table.schema.types[:-1] == schema.types
    assert table.drop(["ents"]).to_pylist() == [row for row in rows if row["text"] is not None]
    assert [names(row) for row in table.to_pylist()] == [["Lisbon"], [], ["Norway"], [], ["Lisbon"]]
    assert [kind.kind for kind in summary.kinds] == ["no text"]


def test_jsonl_output_of_parquet_writes_dates_and_bytes_as_text(tmp_path, make_job, run):
    parquet_input(tmp_path)
    run(make_job("in.parquet"))
    row = read_jsonl(tmp_path / "out.jsonl")[0]
    assert (row["at"], row["raw"], row["tags"]) == ("2020-01-01 00:00:00", "AP8=", {"a": [0]})


@pytest.mark.parametrize("output", ["out.jsonl", "out.parquet", "out.spacy"])
@pytest.mark.parametrize("batches", [0, 1, 2, 3, 4])
def test_run_goes_on_where_it_was_stopped(tmp_path, make_job, run, output, batches):
    write_txt(tmp_path)
    run(make_job("in.txt", output=f"whole-{output}"))
    job = make_job("in.txt", output=output)
    with pytest.raises(Stop):
        run_job(job, stop_after(batches))
    assert not job.output.exists()
    assert job.output.with_name(f"{output}.partial").exists() == (batches >= 2)
    summary = run(job)
    assert summary.resumed.batches == batches // 2 * 2
    assert summary.counts.records == 9
    same = job.output.read_bytes() == (tmp_path / f"whole-{output}").read_bytes()
    assert same or output == "out.spacy"  # a DocBin's strings are in no order
    errors = [(tmp_path / f"{prefix}{output}.errors.jsonl").read_bytes() for prefix in ("", "whole-")]
    assert errors[0] == errors[1]


def stopped(job):
    with pytest.raises(Stop):
        run_job(job, stop_after(2))


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"batch_size": 3}, "batch size.*2 then, 3 now"),
        ({"part_batches": 3}, "batches in a part"),
        ({"ents_field": "found"}, "field of the entities.*'ents' then, 'found' now"),
        ({"field": "body"}, "field"),
        ({"kind": "jsonl"}, "input format"),
        ({"output_kind": "parquet"}, "output format"),
        ({"gpu_id": 0}, "device.*'CPU' then, 'GPU' now"),
    ],
)
def test_run_refuses_to_go_on_with_other_settings(tmp_path, make_job, run, settings, error):
    write_txt(tmp_path)
    stopped(make_job("in.txt"))
    with pytest.raises(ValueError, match=f"{error}.*--overwrite"):
        run(make_job("in.txt", **settings))
    assert run(make_job("in.txt")).resumed.batches == 2


def test_run_refuses_to_go_on_with_another_model(tmp_path, make_job, run):
    write_txt(tmp_path)
    nlp = make_ruler()
    nlp.to_disk(tmp_path / "model")
    job = make_job("in.txt", model=str(tmp_path / "model"))
    stopped(job)
    os.utime(tmp_path / "model" / "meta.json", ns=(1, 1))
    with pytest.raises(ValueError, match="the model's files.*--overwrite"):
        run(job)


def test_run_refuses_to_go_on_with_another_input(tmp_path, make_job, run):
    path = write_txt(tmp_path)
    stopped(make_job("in.txt"))
    write_txt(tmp_path, ["changed", *TEXTS[1:]])
    with pytest.raises(ValueError, match="no longer begins with the records.*--overwrite"):
        run(make_job("in.txt"))
    write_txt(tmp_path, TEXTS[:3])
    with pytest.raises(ValueError, match="no longer begins with the records"):
        run(make_job("in.txt"))
    path.rename(tmp_path / "other.txt")
    with pytest.raises(ValueError, match="input .*in.txt' then, .*other.txt' now"):
        run(make_job("other.txt"))
    assert run(make_job("other.txt"), overwrite=True).resumed.batches == 0


def test_run_replaces_an_output_only_if_told(tmp_path, make_job, run):
    write_txt(tmp_path)
    (tmp_path / "out.jsonl").write_text("precious")
    with pytest.raises(ValueError, match="exists already.*--overwrite"):
        run(make_job("in.txt"))
    with pytest.raises(Stop):
        run_job(make_job("in.txt"), stop_after(2), overwrite=True)
    assert (tmp_path / "out.jsonl").read_text() == "precious"
    assert run(make_job("in.txt")).resumed.batches == 2  # it was told at the beginning
    assert len(read_jsonl(tmp_path / "out.jsonl")) == 8


def test_run_refuses_a_place_that_another_process_writes(tmp_path, make_job, run):
    write_txt(tmp_path)

    def engine(job, done):
        with pytest.raises(ValueError, match="Another process is writing"):
            run(job, overwrite=True)
        yield from annotate_here(job, done)

    assert run_job(make_job("in.txt"), engine).counts.records == 9


def test_run_refuses_outputs_that_would_destroy_something(tmp_path, make_job, run):
    path = write_txt(tmp_path)
    with pytest.raises(ValueError, match="is the input"):
        run(make_job("in.txt", output="in.txt", output_kind="jsonl"), overwrite=True)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "thesis.doc").write_text("precious")
    with pytest.raises(ValueError, match=r"more than .spacy files, such as thesis.doc"):
        run(make_job("in.txt", output="folder"), overwrite=True)
    with pytest.raises(ValueError, match="is a folder, and the output is to be a file"):
        run(make_job("in.txt", output="folder", output_kind="jsonl"), overwrite=True)
    path.rename(tmp_path / "given.txt")
    (tmp_path / "out").write_text("precious")
    with pytest.raises(ValueError, match="is a file, and the output is to be a folder"):
        run(make_job("given.txt", output="out"), overwrite=True)


def test_run_refuses_a_model_that_is_not_there(tmp_path, make_job, run):
    write_txt(tmp_path)
    with pytest.raises(ValueError, match="No pipeline nowhere"):
        run(make_job("in.txt", model="nowhere"))
    assert not (tmp_path / "out.jsonl.partial").exists()


def test_run_refuses_results_out_of_order(tmp_path, make_job):
    write_txt(tmp_path)
    with pytest.raises(RuntimeError, match="Batch 4 came where batch 0"):
        run_job(make_job("in.txt"), lambda job, done: reversed(list(annotate_here(job, done))))


def test_run_reads_no_further_than_it_annotates(tmp_path, make_job, monkeypatch):
    """Memory is bounded if nothing waits: each batch is read when the last one is written."""
    write_txt(tmp_path, ["Lisbon"] * 100)
    events = []

    def reading(source, size, **settings):
        for batch in open_batches(source, size, **settings):
            events.append(("read", batch.index))
            yield batch

    monkeypatch.setattr("spacy_llama_ner.annotation.local.open_batches", reading)
    run_job(
        make_job("in.txt"),
        annotate_here,
        progress=lambda counts: events.append(("written", counts.batches - 1)),
    )
    assert events == [(event, i) for i in range(50) for event in ("read", "written")]


def test_run_tells_how_far_it_is(tmp_path, make_job, run):
    path = write_txt(tmp_path)
    seen = []
    run(make_job("in.txt"), progress=lambda counts: seen.append((counts.records, counts.position)))
    assert [records for records, _ in seen] == [2, 4, 6, 8, 9]
    assert seen[-1][1] == path.stat().st_size
