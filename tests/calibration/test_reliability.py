import json

import numpy as np
import pytest
import spacy
from sklearn import metrics
from sklearn.calibration import calibration_curve
from spacy.tokens import Doc, Span
from spacy.training import Example

from spacy_llama_ner.calibration.reliability import (
    calibration_error,
    equal_mass_edges,
    equal_width_edges,
    error_by_chance,
    log_loss,
    measure_calibration,
    precision_coverage,
    reliability_bins,
)
from spacy_llama_ner.calibration.scored import ScoredEntities, scored_entities
from spacy_llama_ner.pipeline.scores import install_extension, store_scores

NLP = spacy.blank("en")


@pytest.fixture(autouse=True)
def _extension():
    if not Span.has_extension("score"):
        install_extension()


def make_example(predicted, gold, *, unscored=()):
    """Make a pair of Docs from predicted {(start, end, label): score} and gold (start, end, label)."""
    words = ["word"] * 20
    doc, reference = Doc(NLP.vocab, words=words), Doc(NLP.vocab, words=words)
    spans = [Span(doc, *place) for place in sorted(predicted)]
    store_scores(doc, "llama_crf_ner", spans, [predicted[place] for place in sorted(predicted)])
    doc.ents = [*spans, *(Span(doc, *place) for place in unscored)]
    reference.ents = [Span(reference, *place) for place in gold]
    return Example(doc, reference)


def draw(n=2000, *, seed=0):
    """Draw scores, and right or wrong, of an overconfident pipeline."""
    rng = np.random.default_rng(seed)
    scores = rng.beta(4, 1, size=n)
    return scores, rng.random(n) < scores**2


def test_scored_entities_are_right_with_the_same_tokens_and_label():
    predicted = {(0, 2, "PER"): 0.9, (3, 4, "LOC"): 0.5, (6, 8, "ORG"): 0.25, (9, 10, "ORG"): 0.75}
    example = make_example(predicted, [(0, 2, "PER"), (3, 4, "PER"), (6, 7, "ORG"), (9, 10, "ORG")])
    entities = scored_entities([example, make_example({(1, 2, "LOC"): 0.125}, [])])
    assert entities.scores.tolist() == pytest.approx([0.9, 0.5, 0.25, 0.75, 0.125])
    assert entities.right.tolist() == [True, False, False, True, False]
    assert (entities.unscored, entities.gold) == (0, 4)


def test_scored_entities_count_and_leave_out_those_without_a_score():
    example = make_example({(0, 1, "PER"): 0.5}, [(0, 1, "PER"), (4, 5, "LOC")], unscored=[(4, 5, "LOC")])
    entities = scored_entities([example])
    assert entities.scores.tolist() == [0.5]
    assert entities.unscored == 1


def test_scored_entities_without_the_extension_are_all_unscored():
    example = make_example({(0, 1, "PER"): 0.5}, [])
    ours = Span.remove_extension("score")
    try:
        assert scored_entities([example]).unscored == 1
    finally:
        Span.set_extension("score", getter=ours[2], force=True)


@pytest.mark.parametrize("score", [1.5, -0.1, float("nan"), "high"])
def test_scored_entities_refuse_what_is_no_probability(score):
    example = make_example({(0, 1, "PER"): 0.5}, [])
    ours = Span.remove_extension("score")
    try:
        Span.set_extension("score", default=score)
        with pytest.raises(
            ValueError, match=r"The entity 'word' has the score .*expected a number from 0 to 1"
        ):
            scored_entities([example])
    finally:
        Span.set_extension("score", getter=ours[2], force=True)


def test_calibration_error_by_hand():
    scores = np.array([0.1, 0.3, 0.6, 0.8, 0.9, 1.0])
    right = np.array([False, True, False, True, True, True])
    bins = reliability_bins(scores, right, np.array([0.0, 0.5, 1.0]))
    assert [(row["low"], row["high"], row["count"]) for row in bins] == [(0.0, 0.5, 2), (0.5, 1.0, 4)]
    assert [row["score"] for row in bins] == pytest.approx([0.2, 0.825])
    assert [row["precision"] for row in bins] == [0.5, 0.75]
    # (2 x 0.3 + 4 x 0.075) / 6
    assert calibration_error(bins) == pytest.approx(0.15)


@pytest.mark.parametrize("strategy", ["uniform", "quantile"])
def test_reliability_bins_equal_those_of_sklearn(strategy):
    scores, right = draw()
    edges = equal_width_edges() if strategy == "uniform" else equal_mass_edges(scores)
    bins = [row for row in reliability_bins(scores, right, edges) if row["count"]]
    precision, mean = calibration_curve(right, scores, n_bins=15, strategy=strategy)
    np.testing.assert_allclose([row["precision"] for row in bins], precision)
    np.testing.assert_allclose([row["score"] for row in bins], mean)
    assert sum(row["count"] for row in bins) == len(scores)


def test_reliability_bins_hold_their_upper_edge():
    scores = np.array([0.0, 0.5, 1.0])
    bins = reliability_bins(scores, np.ones(3, dtype=bool), np.array([0.0, 0.5, 1.0]))
    assert [row["count"] for row in bins] == [2, 1]


def test_reliability_bins_without_entities_have_no_mean():
    bins = reliability_bins(np.array([0.9]), np.array([True]), np.array([0.0, 0.5, 1.0]))
    assert (bins[0]["count"], bins[0]["score"], bins[0]["precision"]) == (0, None, None)


def test_equal_mass_edges_give_bins_of_equal_count():
    scores, right = draw(3000)
    counts = [row["count"] for row in reliability_bins(scores, right, equal_mass_edges(scores))]
    assert len(counts) == 15
    assert max(counts) - min(counts) <= 1


@pytest.mark.parametrize("score", [0.0, 0.25, 1.0])
def test_equal_mass_edges_of_one_score_make_one_bin(score):
    scores = np.full(4, score)
    (row,) = reliability_bins(scores, np.array([True, True, False, False]), equal_mass_edges(scores))
    assert (row["count"], row["score"], row["precision"]) == (4, score, 0.5)


def test_log_loss_equals_sklearn():
    scores, right = draw()
    assert log_loss(scores, right) == pytest.approx(metrics.log_loss(right, scores))


def test_log_loss_of_a_sure_mistake_is_finite():
    assert 10 < log_loss(np.array([1.0]), np.array([False])) < 20


def test_error_by_chance_is_what_calibrated_scores_show():
    scores, _ = draw(300)
    edges = equal_width_edges()
    rng = np.random.default_rng(5)
    shown = [
        calibration_error(reliability_bins(scores, rng.random(300) < scores, edges)) for _ in range(1000)
    ]
    chance = error_by_chance(scores, edges)
    assert chance["mean"] == pytest.approx(np.mean(shown), rel=0.05)
    assert np.mean(shown < np.float64(chance["high"])) == pytest.approx(0.95, abs=0.02)


def test_precision_coverage_by_hand():
    entities = ScoredEntities(
        np.array([0.5, 0.9, 0.5, 0.25]), np.array([False, True, True, False]), unscored=0, gold=4
    )
    assert precision_coverage(entities) == [
        {"threshold": 0.9, "coverage": 0.25, "precision": 1.0, "recall": 0.25},
        {"threshold": 0.5, "coverage": 0.75, "precision": pytest.approx(2 / 3), "recall": 0.5},
        {"threshold": 0.25, "coverage": 1.0, "precision": 0.5, "recall": 0.5},
    ]


def test_precision_coverage_equals_sklearn():
    scores, right = draw(150)
    points = precision_coverage(ScoredEntities(scores, right, unscored=0, gold=int(right.sum())))
    precision, recall, thresholds = metrics.precision_recall_curve(right, scores)
    ours = [(point["threshold"], point["precision"], point["recall"]) for point in points[::-1]]
    np.testing.assert_allclose(ours, list(zip(thresholds, precision, recall, strict=False)))


def test_precision_coverage_keeps_its_ends_when_it_is_thinned():
    scores, right = draw(3000)
    points = precision_coverage(ScoredEntities(scores, right, unscored=0, gold=3000))
    assert len(points) == 200
    assert (points[0]["threshold"], points[-1]["threshold"]) == (scores.max(), scores.min())
    assert points[-1]["coverage"] == 1.0


def make_examples():
    rng = np.random.default_rng(3)
    examples = []
    for _ in range(60):
        places = [(i, i + 1, "PER") for i in range(0, 20, 2)]
        scores = rng.random(10)
        gold = [place for place, score in zip(places, scores, strict=True) if rng.random() < score]
        examples.append(make_example(dict(zip(places, scores, strict=True)), gold))
    return examples


def test_measure_calibration_equals_sklearn():
    examples = make_examples()
    entities = scored_entities(examples)
    measured = measure_calibration(examples)
    assert measured["brier"] == pytest.approx(metrics.brier_score_loss(entities.right, entities.scores))
    assert measured["nll"] == pytest.approx(metrics.log_loss(entities.right, entities.scores))
    assert measured["auroc"] == pytest.approx(metrics.roc_auc_score(entities.right, entities.scores))
    assert (measured["entities"], measured["right"]) == (600, int(entities.right.sum()))
    assert measured["precision"] == pytest.approx(entities.right.mean())


def test_measure_calibration_has_the_largest_error_of_a_bin():
    measured = measure_calibration(make_examples())
    errors = [abs(row["score"] - row["precision"]) for row in measured["bins"] if row["count"]]
    assert measured["mce"] == max(errors) > measured["ece"] > 0


def test_measure_calibration_of_calibrated_scores_is_within_chance():
    measured = measure_calibration(make_examples())
    assert measured["ece"] < measured["ece_by_chance"]["high"]


def test_measure_calibration_is_json():
    measured = measure_calibration(make_examples())
    assert json.loads(json.dumps(measured)) == measured


def test_measure_calibration_without_entities_has_no_figures():
    measured = measure_calibration([make_example({}, [(0, 1, "PER")], unscored=[(4, 5, "PER")])])
    assert (measured["entities"], measured["unscored"], measured["gold"]) == (0, 1, 1)
    assert measured["ece"] is None
    assert measured["bins"] == measured["precision_coverage"] == []
    assert measured.keys() == measure_calibration(make_examples()).keys()


def test_measure_calibration_has_no_auroc_where_all_are_right():
    assert measure_calibration([make_example({(0, 1, "PER"): 0.5}, [(0, 1, "PER")])])["auroc"] is None
