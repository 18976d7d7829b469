"""The smoke test in a real new environment; the command's test is test_smoke."""

import math
import sys
from pathlib import Path

import pytest
import spacy
from ruler import save_ruler
from spacy.tokens import Span

from spacy_llama_ner.release.entities import entities
from spacy_llama_ner.release.environment import Dependencies
from spacy_llama_ner.release.errors import ReleaseError
from spacy_llama_ner.release.smoke import _check_origin, _run_check, compare, smoke_test

ROOT = Path(__file__).parents[2]
TEXTS = ["Ilse Vandermeer left Lisbon.", "Nobody stayed."]


def ent(score: float | None, *, label: str = "PER", start: int = 0) -> dict:
    return {"start": start, "end": start + 3, "text": "Ann", "label": label, "score": score}


def test_smoke_test_shared(model_dir, pipeline_wheel, project_wheel):
    report = smoke_test(
        pipeline_wheel, project_wheel, reference=model_dir, texts=TEXTS, dependencies=Dependencies.share
    )
    assert (report["mode"], report["pipeline"], report["texts"]) == ("share", "en_ruler_ner", 2)
    assert report["entities"] == 2
    assert report["max_score_difference"] is None  # a ruler gives no scores
    assert [[found["text"] for found in text] for text in report["found"]] == [
        ["Ilse Vandermeer", "Lisbon"],
        [],
    ]
    assert report["seconds"]["total"] > report["seconds"]["install"] > 0


@pytest.mark.slow
def test_smoke_test_installed(model_dir, pipeline_wheel, project_wheel):
    report = smoke_test(
        pipeline_wheel,
        project_wheel,
        reference=model_dir,
        texts=TEXTS,
        constraints=ROOT / "constraints.txt",
        dependencies=Dependencies.install,
    )
    assert (report["mode"], report["entities"]) == ("install", 2)


def test_compare_returns_the_largest_difference():
    before = [[ent(0.5), ent(None, start=9)], [ent(0.9)]]
    after = [[ent(0.50002), ent(None, start=9)], [ent(0.90001)]]
    assert compare(before, after, tolerance=1e-4) == pytest.approx(2e-5)


def test_compare_equal_scores_are_no_missing_scores():
    assert compare([[ent(0.5)]], [[ent(0.5)]], tolerance=1e-4) == 0.0
    assert compare([[ent(None)]], [[ent(None)]], tolerance=1e-4) is None


@pytest.mark.parametrize(
    ("got", "error"),
    [
        ([[ent(0.5)], []], "answered 2 texts, expected 1"),
        ([[]], r"other entities in text 1: expected 'Ann' \(PER\), got none"),
        ([[ent(0.5, label="ORG")]], r"other entities in text 1: .* got 'Ann' \(ORG\)"),
        ([[ent(0.5, start=1)]], "other entities in text 1"),
        ([[ent(0.6)]], r"score of 'Ann' in text 1 differs by 0\.1, more than 0\.0001"),
        ([[ent(math.nan)]], "score of 'Ann' in text 1 differs by nan"),
        ([[ent(None)]], r"Only one of two pipelines gives 'Ann' .* expected 0\.5, got None"),
    ],
)
def test_compare_refuses(got, error):
    with pytest.raises(ReleaseError, match=error):
        compare([[ent(0.5)]], got, tolerance=1e-4)


def test_check_origin_refuses_a_checkout(tmp_path):
    inside, outside = str(tmp_path / "venv" / "a.py"), str(tmp_path / "a.py")
    _check_origin({"spacy": outside, "spacy_llama_ner": inside}, tmp_path / "venv", Dependencies.share)
    with pytest.raises(ReleaseError, match=r"spacy_llama_ner was loaded from .* expected it in the new"):
        _check_origin({"spacy_llama_ner": outside}, tmp_path / "venv", Dependencies.share)
    with pytest.raises(ReleaseError, match="spacy was loaded from"):
        _check_origin({"spacy": outside}, tmp_path / "venv", Dependencies.install)


def test_run_check_shows_why_a_pipeline_does_not_load(tmp_path):
    with pytest.raises(ReleaseError, match=r"en_missing_ner does not run in the new environment:(.|\n)*E050"):
        _run_check(Path(sys.executable), "en_missing_ner", TEXTS, folder=tmp_path, time_limit=60)


def test_run_check_time_limit(tmp_path):
    with pytest.raises(ReleaseError, match="took longer than 0 seconds"):
        _run_check(Path(sys.executable), "en_missing_ner", TEXTS, folder=tmp_path, time_limit=0.01)


def test_entities_reads_scores(tmp_path):
    nlp = spacy.load(save_ruler(tmp_path / "model"))
    had = Span.get_extension("score") if Span.has_extension("score") else None
    Span.set_extension("score", getter=lambda span: 0.25 if span.label_ == "PER" else None, force=True)
    try:
        [found] = entities(nlp, TEXTS[:1])
    finally:
        Span.remove_extension("score")
        if had:
            Span.set_extension("score", getter=had[2])
    assert found == [
        {"start": 0, "end": 15, "text": "Ilse Vandermeer", "label": "PER", "score": 0.25},
        {"start": 21, "end": 27, "text": "Lisbon", "label": "LOC", "score": None},
    ]
