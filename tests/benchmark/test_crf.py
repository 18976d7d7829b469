import pytest
import torch

from spacy_llama_ner.benchmark import crf as crf_module
from spacy_llama_ner.benchmark.crf import OURS, THEIRS, Shape, make_problem, measure_crf

SHAPE = Shape(3, 7, decode=0.0, step=1e9, dtype=torch.float32, rounds=2)


def test_make_problem_gives_both_sides_one_crf():
    problem = make_problem(SHAPE, 4, torch.float64)
    assert problem.decode(OURS) == problem.decode(THEIRS)
    for ours, theirs in zip(problem.step(OURS), problem.step(THEIRS), strict=True):
        torch.testing.assert_close(ours, theirs)
    assert len(problem.step(OURS)) == 5  # loss, emissions, start, transitions, end


def test_measure_crf_has_a_figure_for_each_job_and_shape():
    report = measure_crf([SHAPE], n_tags=4)
    decode, step, difference = report["figures"]
    assert (decode["passed"], step["passed"], difference["passed"]) == (True, False, True)
    assert decode["value"] > 0
    assert step["bar"] == 1e9
    assert [row[:2] for row in report["tables"][0]["rows"]] == [
        ("3 x 7", "decode"),
        ("3 x 7", "training step"),
    ]


def test_measure_crf_sees_other_gradients(monkeypatch):
    step = crf_module.Problem.step
    monkeypatch.setattr(
        crf_module.Problem,
        "step",
        lambda self, side: [x * (1 + (side == OURS) * 1e-6) for x in step(self, side)],
    )
    (*_, difference) = measure_crf([SHAPE], n_tags=4)["figures"]
    assert difference["value"] == pytest.approx(1e-6, rel=0.01)
    assert not difference["passed"]
