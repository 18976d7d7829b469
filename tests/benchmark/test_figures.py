import json

import pytest

from spacy_llama_ner.benchmark.figures import Figure, make_report
from spacy_llama_ner.benchmark.tables import report_tables, show
from spacy_llama_ner.evaluation.tables import Table


def figures():
    return [Figure("decode, against torchcrf", 5.25, 5), Figure("import", 62.0, 50, "ms", least=False)]


def test_figure_on_its_bar_passes():
    assert Figure("a", 5, 5).passed
    assert Figure("b", 5, 5, least=False).passed


def test_figure_that_is_no_number_does_not_pass():
    assert not Figure("a", float("nan"), 5).passed
    assert not Figure("b", float("nan"), 5, least=False).passed


def test_report_passes_only_if_all_figures_do():
    assert not make_report("crf", figures(), [], settings={})["passed"]
    assert make_report("crf", figures()[:1], [], settings={})["passed"]


def test_report_tables_are_the_same_from_json():
    report = make_report(
        "crf", figures(), [Table("Seconds", ("", "s"), [("ours", "1")])], settings={"rounds": 3}
    )
    first, second = report_tables(json.loads(json.dumps(report)))
    assert first.rows == [
        ("decode, against torchcrf", "5.25x", "≥ 5.00x", "yes"),
        ("import", "62.0 ms", "≤ 50.0 ms", "NO"),
    ]
    assert second.title == "Seconds"


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [(1234.5, "words/s", "1,234 words/s"), (0.854, "", "0.854"), (20.0, "x", "20.0x")],
)
def test_show_has_three_digits(value, unit, shown):
    assert show(value, unit) == shown
