"""Records of every format, good and bad."""

import gzip
import json
from datetime import date

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from spacy_llama_ner.annotation.formats import input_format, output_format
from spacy_llama_ner.annotation.source import Source


def read(path, kind=None, field="text"):
    source = Source(str(path), kind or path.suffix[1:], field)
    source.check()
    return list(source.records())


def outcomes(records):
    """RETURNS (list): For each record its number, and its fields or its kind of problem."""
    return [(r.number, r.problem.kind if r.problem else r.fields) for r in records]


def test_txt_line_is_a_record_and_an_empty_line_too(tmp_path):
    path = tmp_path / "in.txt"
    path.write_bytes(b"\xef\xbb\xbfOslo\r\n\nOne\x0btwo\xe2\x80\xa8three\nno break")
    texts = [(1, "Oslo"), (2, ""), (3, "One\x0btwo\u2028three"), (4, "no break")]
    assert outcomes(read(path)) == [(number, {"text": text}) for number, text in texts]


def test_txt_line_that_is_no_utf8_is_a_problem(tmp_path):
    path = tmp_path / "in.txt"
    path.write_bytes(b"good\nb\xffd\ngood\n")
    records = read(path)
    assert [record.problem is None for record in records] == [True, False, True]
    assert "0xff in position 1" in records[1].problem.reason


def test_jsonl_gives_objects_and_the_problems_of_other_lines(tmp_path):
    path = tmp_path / "in.jsonl"
    path.write_bytes(
        b'{"text": "a", "id": 7}\n\n{"text": \n[1]\n{"text": "\xff"}\n{"text": "\\ud800"}\n{"id": 1}\n'
    )
    assert outcomes(read(path)) == [
        (1, {"text": "a", "id": 7}),
        (3, "no JSON object"),
        (4, "no JSON object"),
        (5, "not UTF-8"),
        (6, "not UTF-8"),
        (7, {"id": 1}),
    ]


def test_jsonl_nested_too_deeply_is_a_problem(tmp_path):
    path = tmp_path / "in.jsonl"
    path.write_text("[" * 100_000 + "\n")
    assert outcomes(read(path)) == [(1, "no JSON object")]


@pytest.mark.parametrize(("kind", "delimiter"), [("csv", ","), ("tsv", "\t")])
def test_table_has_quotes_lines_in_fields_and_bad_rows(tmp_path, kind, delimiter):
    path = tmp_path / f"in.{kind}"
    rows = [b"id|text", b"1|Oslo", b'2|"a ""b""\nc|d"', b"3", b"", b"4|a|b", b"5|\xff", b"6|end"]
    path.write_bytes(b"\n".join(rows).replace(b"|", delimiter.encode()))
    assert outcomes(read(path)) == [
        (2, {"id": "1", "text": "Oslo"}),
        (3, {"id": "2", "text": f'a "b"\nc{delimiter}d'}),
        (5, "no row of the table"),
        (7, "no row of the table"),
        (8, "not UTF-8"),
        (9, {"id": "6", "text": "end"}),
    ]


def test_table_field_without_end_is_a_problem(tmp_path, monkeypatch):
    monkeypatch.setattr("spacy_llama_ner.annotation.records._LONGEST_FIELD", 10)
    path = tmp_path / "in.csv"
    path.write_text('text\nOslo\n"an open quote\nand more\n')
    assert outcomes(read(path))[:2] == [(2, {"text": "Oslo"}), (3, "no row of the table")]


@pytest.mark.parametrize(
    ("header", "error"),
    [
        ("id,body", "There is no column 'text'.*--field.*'id', 'body'"),
        ("text,ents", "There is a column 'ents' already.*--ents-field"),
        ("text,id,id", "Several columns have the same name"),
        ("", "Columns: none"),
    ],
)
def test_table_with_unfit_columns_is_refused(tmp_path, header, error):
    path = tmp_path / "in.csv"
    path.write_text(header + "\n")
    with pytest.raises(ValueError, match=error):
        read(path)


def test_parquet_rows_keep_their_types(tmp_path):
    rows = [
        {"text": f"text {i}", "day": date(2020, 1, 1 + i % 9), "tags": ["a"] * (i % 3)} for i in range(600)
    ]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "in.parquet", row_group_size=100)
    assert outcomes(read(tmp_path / "in.parquet")) == list(enumerate(rows, start=1))


def test_parquet_row_that_is_no_utf8_is_a_problem(tmp_path):
    texts = pa.array([b"good", b"b\xffd", b"end"], pa.binary()).view(pa.string())
    pq.write_table(pa.table({"text": texts}), tmp_path / "in.parquet")
    expected = [(1, {"text": "good"}), (2, "not UTF-8"), (3, {"text": "end"})]
    assert outcomes(read(tmp_path / "in.parquet")) == expected


def test_parquet_without_the_column_is_refused(tmp_path):
    pq.write_table(pa.table({"body": ["a"]}), tmp_path / "in.parquet")
    with pytest.raises(ValueError, match="no column 'text'"):
        read(tmp_path / "in.parquet")


def test_source_reads_compressed_text(tmp_path):
    path = tmp_path / "in.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"text": "a"}\n'))
    records = read(path, "jsonl")
    assert outcomes(records) == [(1, {"text": "a"})]
    assert records[0].position == path.stat().st_size


def test_source_that_is_damaged_is_an_error(tmp_path):
    path = tmp_path / "in.txt.gz"
    path.write_bytes(gzip.compress(b"".join(b"%d\n" % (i * i) for i in range(100)))[:-9])
    with pytest.raises(ValueError, match="is damaged after line"):
        read(path, "txt")


def test_source_that_is_missing_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match="No file"):
        read(tmp_path / "none.txt")


def test_source_and_entities_in_one_field_are_refused(tmp_path):
    with pytest.raises(ValueError, match="cannot both be in the field 'text'"):
        Source("-", "txt", "text", "text").check()


def test_positions_end_at_the_total(tmp_path):
    (tmp_path / "in.txt").write_text("one\ntwo\n")
    source = Source(str(tmp_path / "in.txt"), "txt")
    assert [record.position for record in source.records()] == [4, 8]
    assert source.total() == 8
    assert Source("-", "txt").total() is None


@pytest.mark.parametrize(
    ("path", "given", "format"),
    [
        ("a.txt", None, "txt"),
        ("a.JSONL", None, "jsonl"),
        ("a.tsv.gz", None, "tsv"),
        ("a.parquet", None, "parquet"),
        ("a.log", "txt", "txt"),
        ("-", None, "txt"),
        ("-", "jsonl", "jsonl"),
    ],
)
def test_input_format_comes_from_the_name(path, given, format):
    assert input_format(path, given) == format


@pytest.mark.parametrize(
    ("path", "given", "error"),
    [
        ("a.doc", None, "'doc' is unknown"),
        ("-", "parquet", "not from standard input"),
        ("a.parquet.gz", None, "not from standard input or a .gz file"),
    ],
)
def test_input_format_that_cannot_be_read_is_refused(path, given, error):
    with pytest.raises(ValueError, match=error):
        input_format(path, given)


def test_output_format_comes_from_the_name():
    names = ["a.jsonl", "a.parquet", "a.spacy", "a"]
    assert [output_format(name) for name in names] == ["jsonl", "parquet", "spacy", "folder"]
    with pytest.raises(ValueError, match="'csv' is unknown"):
        output_format("a.csv")


def test_jsonl_of_any_unicode_comes_through(tmp_path):
    path = tmp_path / "in.jsonl"
    fields = {
        "text": "Zoë 😀 \x00 \u2028",
        "note": "\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"),
    }
    path.write_text(json.dumps(fields) + "\n")
    assert outcomes(read(path)) == [(1, fields)]
