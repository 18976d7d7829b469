import json
from dataclasses import asdict
from pathlib import Path

import pytest
import spacy
from ruler import save_ruler
from typer.testing import CliRunner

from spacy_llama_ner.benchmark import growth, memory
from spacy_llama_ner.benchmark.figures import make_report
from spacy_llama_ner.benchmark.growth import judge, measure_growth, run_cell
from spacy_llama_ner.benchmark.growth_cell import (
    CORPUS,
    DOCUMENT,
    MEGABYTE,
    Cell,
    Job,
    Meter,
    forget_peak,
    measure_cell,
    take,
)
from spacy_llama_ner.benchmark.plot import describe_growth, plot_growth
from spacy_llama_ner.cli import app

DOCS = Path(__file__).parent.parent.parent / "docs"
TEXTS = ["Ilse Vandermeer flew to Lisbon. ", "Rain fell."]


def cells(*, speed=2_000.0, corpus=90 * MEGABYTE, document=40 * MEGABYTE):
    """Cells of which the largest ones are as given, beside 2,000 words/s, 80 MB and 10 MB."""
    return [
        Cell(DOCUMENT, 100, 500.0, 0.25, MEGABYTE, 9),
        Cell(DOCUMENT, 1_000, 2_000.0, 1.0, MEGABYTE, 9),
        Cell(DOCUMENT, 10_000, 2_000.0, 1.0, 10 * MEGABYTE, 3),
        Cell(DOCUMENT, 20_000, speed, speed / 2_000, document, 1),
        Cell(CORPUS, 1_000, 2_000.0, 1.0, MEGABYTE, 9),
        Cell(CORPUS, 10_000, 2_000.0, 1.0, 80 * MEGABYTE, 3),
        Cell(CORPUS, 100_000, 2_000.0, 1.0, corpus, 1),
    ]


def test_take_goes_on_with_the_first_article_and_cuts_the_last():
    nlp = spacy.blank("en")
    articles = [[token.text_with_ws for token in nlp(text)] for text in TEXTS]
    texts = list(take(articles, 11))
    assert texts == ["Ilse Vandermeer flew to Lisbon.", "Rain fell.", "Ilse Vandermeer"]
    assert sum(len(nlp(text)) for text in texts) == len(nlp(" ".join(texts))) == 11


def test_take_refuses_no_articles():
    with pytest.raises(ValueError, match="got none with a token"):
        next(take([], 5))


@pytest.mark.parametrize("series", [DOCUMENT, CORPUS])
def test_measure_cell_reads_so_many_tokens(tmp_path, series):
    texts = tmp_path / "texts.json"
    texts.write_text(json.dumps(TEXTS))
    cell = measure_cell(Job(series, 25, str(save_ruler(tmp_path / "model")), str(texts), 0.0))
    assert (cell.series, cell.tokens, cell.rounds) == (series, 25, 1)
    assert cell.words_per_second > 0


def test_peak_begins_anew_and_sees_what_is_freed_again():
    held = forget_peak()
    len(b"x" * 50 * MEGABYTE)  # gone with this line
    assert 45 * MEGABYTE < memory.read("VmHWM") - held < 100 * MEGABYTE


def test_meter_counts_neither_time_nor_memory_of_the_reference(monkeypatch):
    times = iter([0.0, 3.0, 3.0, 4.0, 8.0, 8.0, 8.0, 11.0, 11.0])
    monkeypatch.setattr("time.process_time", lambda: next(times))

    def reference():
        len(b"x" * 50 * MEGABYTE)
        return 30

    meter = Meter(reference, every=5.0)  # the reference from 0 to 3
    meter.see(4)  # at 4
    meter.see(6)  # at 8: the reference from 8 to 11
    assert (meter.words, meter.seconds) == (10, 5.0)
    assert (meter.reference_words, meter.reference_seconds) == (60, 6.0)
    assert meter.memory < 45 * MEGABYTE


def test_memory_refuses_other_systems(monkeypatch):
    def missing(*_, **__):
        raise FileNotFoundError("/proc/self/status")

    monkeypatch.setattr(Path, "read_text", missing)
    with pytest.raises(ValueError, match="on Linux only"):
        memory.read("VmRSS")


def test_judge_holds_the_largest_sizes_against_smaller_ones():
    documents, corpora, stream, token = judge(cells())
    assert [documents.value, corpora.value] == [1, 1]  # what is below 1,000 tokens does not count
    assert stream.value == 90 / 80
    assert token.value == pytest.approx(30e6 / 10_000 / 1e3)
    assert all(figure.passed for figure in (documents, corpora, stream, token))


@pytest.mark.parametrize(
    ("changed", "place"),
    [({"speed": 1_500.0}, 0), ({"corpus": 800 * MEGABYTE}, 2), ({"document": 110 * MEGABYTE}, 3)],
)
def test_judge_fails_what_falls_off_or_grows(changed, place):
    assert [number for number, figure in enumerate(judge(cells(**changed))) if not figure.passed] == [place]


def test_measure_growth_refuses_sizes_that_show_no_growth(tmp_path):
    with pytest.raises(
        ValueError, match=r"two sizes of a corpus or more from 1,000 tokens on, got \[100, 1000\]"
    ):
        measure_growth(
            "model",
            TEXTS,
            documents=[1_000, 2_000],
            corpora=[1_000, 100],
            seconds=0,
            work=tmp_path,
            progress=print,
        )


def test_run_cell_says_what_its_process_said(tmp_path):
    texts = tmp_path / "texts.json"
    texts.write_text("[]")
    job = Job(CORPUS, 5, str(save_ruler(tmp_path / "model")), str(texts), 0.0)
    with pytest.raises(
        ValueError, match="corpus of 5 tokens failed with status 1:\n(.|\n)*got none with a token"
    ):
        run_cell(job, tmp_path / "job.json")


def test_bench_growth_reports_every_size_and_exits_1_where_a_bar_is_missed(tmp_path, monkeypatch):
    found = {(cell.series, cell.tokens): cell for cell in cells(speed=1_500.0)}
    monkeypatch.setattr(growth, "run_cell", lambda job, file: found[job.series, job.tokens])
    corpus, output = tmp_path / "train.conll", tmp_path / "growth.json"
    corpus.write_text("-DOCSTART- O\n\nRain O\n\n", encoding="utf8")
    options = [f"--documents={tokens}" for series, tokens in found if series == DOCUMENT]
    options += [f"--corpora={tokens}" for series, tokens in found if series == CORPUS]
    result = CliRunner().invoke(
        app, ["bench", "growth", "model", "--conll", str(corpus), *options, "-o", str(output)]
    )
    assert result.exit_code == 1
    assert "1 of 4 bars missed: documents of 1,000 tokens and more" in result.output
    report = json.loads(output.read_text())
    assert [row[:2] for row in report["tables"][0]["rows"]] == [[s, f"{t:,}"] for s, t in found]
    assert [Cell(**cell) for cell in report["cells"]] == list(found.values())


def test_plot_growth_is_a_file_with_both_series_and_numbers_on_its_axes():
    report = [asdict(cell) for cell in cells()]
    svg = plot_growth(report)
    assert svg.startswith("<svg width=")
    assert svg.count(">one document<") == svg.count(">a corpus, streamed<") == 2
    assert ">100,000<" in svg
    assert svg == plot_growth(report)


def test_bench_summary_draws_the_plot_beside_the_page(tmp_path):
    page, folder = tmp_path / "benchmarks.md", tmp_path / "bench"
    folder.mkdir()
    report = make_report("growth", judge(cells()), [], settings={})
    report["cells"] = [asdict(cell) for cell in cells()]
    (folder / "growth.json").write_text(json.dumps(report), encoding="utf8")
    page.write_text("<!-- bench growth: -->\n<!-- end of bench growth -->\n", encoding="utf8")
    result = CliRunner().invoke(app, ["bench", "summary", str(folder), "--text", str(page)])
    assert result.exit_code == 0, result.output
    assert (tmp_path / "growth.svg").read_text(encoding="utf8") == plot_growth(report["cells"])


def test_plot_in_the_documentation_is_that_of_the_report():
    """If this fails: make docs."""
    report = json.loads((DOCS / "metrics" / "bench" / "growth.json").read_text(encoding="utf8"))
    assert describe_growth(report["cells"]) in (DOCS / "growth.svg").read_text(encoding="utf8")
