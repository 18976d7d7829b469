import gzip
import lzma

import pytest

from spacy_llama_ner.pretraining.text import read_texts

LINES = '{"text": "One."}\n\n{"text": "  ", "title": "empty"}\n{"text": "Zwölf\\nlines."}\n'


@pytest.mark.parametrize(("suffix", "pack"), [("", bytes), (".xz", lzma.compress), (".gz", gzip.compress)])
def test_read_texts_reads_plain_and_packed_lines(tmp_path, suffix, pack):
    path = tmp_path / f"texts.jsonl{suffix}"
    path.write_bytes(pack(LINES.encode()))
    assert list(read_texts([path, path])) == ["One.", "Zwölf\nlines."] * 2


@pytest.mark.parametrize("line", ["not json", '["text"]', '{"txt": "a"}', '{"text": 3}'])
def test_read_texts_names_the_line_of_a_malformed_record(tmp_path, line):
    path = tmp_path / "texts.jsonl"
    path.write_text('{"text": "One."}\n' + line + "\n")
    with pytest.raises(ValueError, match=r"texts\.jsonl:2: .*Expected one JSON object a line"):
        list(read_texts([path]))


def test_read_texts_names_a_missing_file(tmp_path):
    with pytest.raises(ValueError, match=r"absent\.jsonl: no such file"):
        list(read_texts([tmp_path / "absent.jsonl"]))


def test_read_texts_refuses_files_without_text(tmp_path):
    path = tmp_path / "texts.jsonl"
    path.write_text('{"text": ""}\n')
    with pytest.raises(ValueError, match="no text in"):
        list(read_texts([path]))


@pytest.mark.parametrize(("suffix", "pack"), [(".xz", lzma.compress), (".gz", gzip.compress)])
def test_read_texts_reports_a_file_that_was_cut_off(tmp_path, suffix, pack):
    path = tmp_path / f"texts.jsonl{suffix}"
    path.write_bytes(pack(LINES.encode() * 1000)[:-20])
    with pytest.raises(ValueError, match="cannot be unpacked after line"):
        list(read_texts([path]))


def test_read_texts_reports_another_encoding(tmp_path):
    path = tmp_path / "texts.jsonl"
    path.write_bytes('{"text": "Zürich"}\n'.encode("latin-1"))
    with pytest.raises(ValueError, match="not UTF-8"):
        list(read_texts([path]))


def test_read_texts_reports_a_damaged_gzip_file(tmp_path):
    path = tmp_path / "texts.jsonl.gz"
    data = bytearray(gzip.compress(LINES.encode() * 50))
    data[30:40] = b"\xff" * 10
    path.write_bytes(bytes(data))
    with pytest.raises(ValueError, match="cannot be unpacked after line"):
        list(read_texts([path]))


def test_read_texts_names_the_line_of_half_a_surrogate_pair(tmp_path):
    path = tmp_path / "texts.jsonl"
    path.write_text('{"text": "One."}\n{"text": "a\\ud800b"}\n')
    with pytest.raises(ValueError, match=r"texts\.jsonl:2: half a surrogate pair"):
        list(read_texts([path]))
