"""The page as a text."""

import re

from report_folder import HOSTILE, make_folder

from spacy_llama_ner.report.page import code, render_page
from spacy_llama_ner.report.sources import read_sources


def test_page_shows_the_headline_figures(page):
    # Of 5 gold entities 2 are found whole, of 5 predicted ones 2 are right.
    assert re.search(r"<b>40\.0</b><span>F1", page)
    assert re.search(r"<b>5</b><span>gold entities", page)


def test_page_shows_every_error(page):
    shown = re.findall(r'<article class="error" data-kind="([^"]+)"', page)
    assert sorted(shown) == ["boundary", "label", "missed", "spurious"]


def test_page_shows_text_of_the_corpus_as_text(page):
    assert HOSTILE not in page
    assert "&lt;script&gt;" in page


def test_page_loads_nothing(page):
    assert not re.findall(r'(?:src|href)="(?!#|data:,")[^"]*"', page.replace('xlink:href="#', 'href="#'))
    assert "url(" not in page.replace("url(#", "")
    assert "@import" not in page


def test_page_is_the_same_each_time(page, metrics):
    again = render_page(read_sources(metrics, log=metrics / "log.jsonl"), title="Invented")
    assert again == page


def test_page_of_an_evaluation_alone_names_what_is_missing(tmp_path):
    page = render_page(read_sources(make_folder(tmp_path, parts=("test",))), title="Invented")
    assert page.count("Not measured. To add it:") == 5  # errors at two places
    assert "spacy_llama_ner analyze" in page
    assert "<article" not in page


def test_page_draws_each_known_factor(page):
    drawn = re.findall(r'aria-label="Errors by ([a-z ]+), in percent', page)
    assert drawn == ["label", "entity length", "sentence length", "seen", "casing", "sentence casing"]


def test_code_shows_backticks_as_code_and_escapes_the_rest():
    assert code("keep `a < b` & <i>") == "keep <code>a &lt; b</code> &amp; &lt;i&gt;"
