import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from spacy_llama_ner.benchmark.document import fill, read_reports
from spacy_llama_ner.benchmark.figures import Figure, make_report
from spacy_llama_ner.cli import app
from spacy_llama_ner.evaluation.tables import Table

ROOT = Path(__file__).parent.parent.parent
PAGE = "# Speed\n\n<!-- bench crf: -->\n<!-- end of bench crf -->\n\nmore\n"


def report(value=6.0):
    return make_report(
        "crf",
        [Figure("decode", value, 5)],
        [Table("Seconds", ("", "s"), [("ours", "1")], ["Note."])],
        settings={},
    )


def test_fill_writes_figures_and_tables_between_the_comments():
    page = fill(PAGE, [report()])
    assert page.startswith("# Speed\n\n<!-- bench crf: written by `make docs` -->\n\n| ")
    assert "| decode | 6.00x | ≥ 5.00x | yes |" in page
    assert (
        "**Seconds**\n\n|  | s |\n| --- | ---: |\n| ours | 1 |\n\nNote.\n\n<!-- end of bench crf -->" in page
    )
    assert page.endswith("\n\nmore\n")


def test_fill_replaces_what_it_wrote():
    assert fill(fill(PAGE, [report()]), [report(7.0)]) == fill(PAGE, [report(7.0)])


def test_fill_refuses_a_report_without_a_place():
    with pytest.raises(ValueError, match="No place for crf: add the lines <!-- bench crf"):
        fill("# Speed\n", [report()])


def test_fill_refuses_a_place_without_a_report():
    with pytest.raises(ValueError, match="No report for crf: run"):
        fill(PAGE, [])


def test_read_reports_refuses_another_file(tmp_path):
    (tmp_path / "a.json").write_text("[]")
    with pytest.raises(ValueError, match=r"a\.json is no report"):
        read_reports(tmp_path)


def test_read_reports_refuses_an_empty_folder(tmp_path):
    with pytest.raises(ValueError, match="No reports in"):
        read_reports(tmp_path)


@pytest.mark.parametrize(("value", "status"), [(6.0, 0), (4.0, 1)])
def test_bench_summary_fails_where_a_bar_is_missed(tmp_path, value, status):
    (tmp_path / "crf.json").write_text(json.dumps(report(value)))
    result = CliRunner().invoke(app, ["bench", "summary", str(tmp_path)])
    assert result.exit_code == status
    assert "crf: decode" in result.output


def test_benchmarks_page_is_that_of_the_reports():
    """If this fails: make docs."""
    page = (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf8")
    assert page == fill(page, read_reports(ROOT / "docs" / "metrics" / "bench"))
