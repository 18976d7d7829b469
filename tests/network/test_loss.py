import math

import pytest
import torch
from torch.nn import functional as F

from spacy_llama_ner.network.crf import CRF
from spacy_llama_ner.network.loss import CompoundLoss
from spacy_llama_ner.network.tags import legal_starts, legal_transitions

N_LABELS = 2
K = 2 * N_LABELS + 1


@pytest.fixture(autouse=True)
def _one_thread_and_seed():
    torch.set_num_threads(1)
    torch.manual_seed(0)


@pytest.fixture
def crf():
    crf = CRF(K, legal_starts=legal_starts(N_LABELS), legal_transitions=legal_transitions(N_LABELS))
    for parameter in crf.parameters():
        torch.nn.init.normal_(parameter)
    return crf


def make_batch():
    """Make four rows: known, partly unknown, empty, and wholly unknown."""
    tags = torch.tensor([[1, 2, 0, 3, 4], [0, 3, 4, 0, 0], [0, 0, 0, 0, 0], [0, 0, 0, 0, 0]])
    allowed = F.one_hot(tags, K).bool()
    allowed[1, 1] = True  # unknown
    allowed[1, 2, 2] = True  # one of two: not known either
    allowed[3] = True
    mask = torch.arange(5) < torch.tensor([5, 4, 0, 3]).unsqueeze(1)
    known = torch.zeros(4, 5, dtype=torch.bool)
    known[0] = True
    known[1, [0, 3]] = True
    return torch.randn(4, 5, K, requires_grad=True), allowed, mask, tags, known


def test_loss_terms_are_sums_over_known_tokens(crf):
    emissions, allowed, mask, tags, known = make_batch()
    terms = CompoundLoss(0.5, 0.3, 0.2, smoothing=0.1)(emissions, allowed, mask, crf, True)
    log_probabilities = emissions.log_softmax(2)
    gold = -log_probabilities.gather(2, tags.unsqueeze(2)).squeeze(2)[known]
    smoothed = 0.9 * gold - 0.1 * log_probabilities.mean(2)[known]
    crf_loss = -crf.log_likelihood(emissions, allowed, mask).sum()
    assert terms.known_tokens == 7
    assert terms.cross_entropy.item() == pytest.approx(gold.sum().item(), rel=1e-6)
    assert terms.label_smoothing.item() == pytest.approx(smoothed.sum().item(), rel=1e-6)
    assert terms.crf.item() == pytest.approx(crf_loss.item(), rel=1e-6)


@pytest.mark.parametrize("weights", [(0.5, 0.3, 0.2), (1.0, 0.0, 0.0), (0.0, 2.0, 0.0), (0.0, 0.0, 0.5)])
def test_loss_total_is_the_weighted_sum(crf, weights):
    emissions, allowed, mask, *_ = make_batch()
    terms = CompoundLoss(*weights)(emissions, allowed, mask, crf, True)
    parts = (terms.cross_entropy, terms.crf, terms.label_smoothing)
    expected = sum(weight * part.item() for weight, part in zip(weights, parts, strict=True))
    assert terms.total.item() == pytest.approx(expected, rel=1e-6)


def test_loss_terms_but_the_total_are_detached(crf):
    emissions, allowed, mask, *_ = make_batch()
    terms = CompoundLoss()(emissions, allowed, mask, crf, True)
    assert terms.total.requires_grad
    assert not any(term.requires_grad for term in (terms.cross_entropy, terms.crf, terms.label_smoothing))


def test_loss_trains_emissions_and_crf(crf):
    emissions, allowed, mask, *_ = make_batch()
    CompoundLoss()(emissions, allowed, mask, crf, True).total.backward()
    assert emissions.grad[0].all()
    assert all(parameter.grad.any() for parameter in crf.parameters())


def test_loss_of_half_batches_adds_up_to_the_whole(crf):
    emissions, allowed, mask, *_ = make_batch()
    loss = CompoundLoss()
    whole = loss(emissions, allowed, mask, crf, True)
    halves = [
        loss(emissions[rows], allowed[rows], mask[rows], crf, True) for rows in (slice(0, 1), slice(1, 4))
    ]
    assert sum(half.known_tokens for half in halves) == whole.known_tokens
    for name in ("total", "cross_entropy", "crf", "label_smoothing"):
        added = sum(getattr(half, name).item() for half in halves)
        assert added == pytest.approx(getattr(whole, name).item(), rel=1e-6)


def test_loss_gradients_of_half_batches_add_up_to_the_whole(crf):
    emissions, allowed, mask, *_ = make_batch()
    loss, inputs = CompoundLoss(), [emissions, *crf.parameters()]
    whole = torch.autograd.grad(loss(emissions, allowed, mask, crf, True).total, inputs)
    for rows in (slice(0, 1), slice(1, 4)):
        loss(emissions[rows], allowed[rows], mask[rows], crf, True).total.backward()
    for tensor, expected in zip(inputs, whole, strict=True):
        torch.testing.assert_close(tensor.grad, expected, rtol=1e-6, atol=1e-6)


def test_loss_does_not_depend_on_the_padding(crf):
    emissions, allowed, mask, *_ = make_batch()
    expected = CompoundLoss()(emissions, allowed, mask, crf, True)
    broken = emissions.detach().masked_fill(~mask.unsqueeze(2), math.nan).requires_grad_()
    terms = CompoundLoss()(broken, allowed, mask, crf, True)
    terms.total.backward()
    assert terms.total.item() == pytest.approx(expected.total.item(), rel=1e-6)
    assert broken.grad.isfinite().all()


def test_loss_without_crf_leaves_its_term_out(crf):
    emissions, allowed, mask, *_ = make_batch()
    terms = CompoundLoss(0.5, 0.3, 0.2)(emissions, allowed, mask, crf, False)
    assert terms.crf.item() == 0.0
    expected = 0.5 * terms.cross_entropy.item() + 0.2 * terms.label_smoothing.item()
    assert terms.total.item() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(("weight", "use_crf"), [(0.0, True), (0.3, False)])
def test_loss_skips_the_recursion_it_does_not_need(crf, monkeypatch, weight, use_crf):
    monkeypatch.setattr(crf, "log_likelihood", None)
    emissions, allowed, mask, *_ = make_batch()
    assert CompoundLoss(crf_weight=weight)(emissions, allowed, mask, crf, use_crf).crf.item() == 0.0


def test_loss_without_smoothing_equals_cross_entropy(crf):
    emissions, allowed, mask, *_ = make_batch()
    terms = CompoundLoss(smoothing=0.0)(emissions, allowed, mask, crf, True)
    assert terms.label_smoothing.item() == pytest.approx(terms.cross_entropy.item(), rel=1e-6)


@pytest.mark.parametrize("use_crf", [True, False])
@pytest.mark.parametrize(("n_rows", "n_tokens"), [(2, 4), (2, 0), (0, 0)])
def test_loss_without_known_tokens_is_zero_with_a_graph(crf, n_rows, n_tokens, use_crf):
    emissions = torch.randn(n_rows, n_tokens, K, requires_grad=True)
    allowed = torch.ones(n_rows, n_tokens, K, dtype=torch.bool)
    mask = torch.ones(n_rows, n_tokens, dtype=torch.bool)
    terms = CompoundLoss()(emissions, allowed, mask, crf, use_crf)
    terms.total.backward()
    assert terms.known_tokens == 0
    assert terms.total.item() == pytest.approx(0.0, abs=1e-12)
    assert emissions.grad.abs().sum().item() == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize(
    ("given", "expected"),
    [(torch.bfloat16, torch.float32), (torch.float32, torch.float32), (torch.float64, torch.float64)],
)
def test_loss_computes_in_float32_at_least(crf, given, expected):
    emissions, allowed, mask, *_ = make_batch()
    terms = CompoundLoss()(emissions.to(given), allowed, mask, crf, True)
    assert {terms.total.dtype, terms.cross_entropy.dtype, terms.crf.dtype} == {expected}


@pytest.mark.parametrize("scale", [1e4, 1e6])
def test_loss_is_finite_at_extreme_scores(crf, scale):
    emissions, allowed, mask, *_ = make_batch()
    emissions = (emissions.detach() * scale).requires_grad_()
    total = CompoundLoss()(emissions, allowed, mask, crf, True).total
    total.backward()
    assert total.isfinite()
    assert emissions.grad.isfinite().all()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"cross_entropy_weight": -0.1}, "cross_entropy_weight to be finite and at least 0, got -0.1"),
        ({"crf_weight": math.nan}, "crf_weight to be finite and at least 0, got nan"),
        ({"label_smoothing_weight": math.inf}, "label_smoothing_weight to be finite and at least 0, got inf"),
        ({"smoothing": 1.0}, "smoothing from 0 to below 1, got 1.0"),
        ({"smoothing": -0.1}, "smoothing from 0 to below 1, got -0.1"),
        ({"smoothing": math.nan}, "smoothing from 0 to below 1, got nan"),
        (
            {"cross_entropy_weight": 0.0, "crf_weight": 0.0, "label_smoothing_weight": 0.0},
            "at least one of cross_entropy_weight, crf_weight, label_smoothing_weight above 0, got 0 for all",
        ),
    ],
)
def test_loss_refuses_bad_fields(fields, message):
    with pytest.raises(ValueError, match=message):
        CompoundLoss(**fields)


def test_loss_refuses_to_train_nothing(crf):
    emissions, allowed, mask, *_ = make_batch()
    with pytest.raises(ValueError, match=r"got 0 for both and crf_weight 1\.0: nothing would be trained"):
        CompoundLoss(0.0, 1.0, 0.0)(emissions, allowed, mask, crf, False)


@pytest.mark.parametrize(("allowed", "mask"), [((2, 3, 4), (2, 3)), ((2, 3, K), (2, 4))])
def test_loss_refuses_disagreeing_shapes(crf, allowed, mask):
    with pytest.raises(
        ValueError, match=r"Expected allowed and mask of shapes \(2, 3, 5\) and \(2, 3\), got"
    ):
        CompoundLoss()(torch.zeros(2, 3, K), torch.ones(allowed).bool(), torch.ones(mask).bool(), crf, True)


def test_loss_names_the_row_with_an_illegal_annotation(crf):
    allowed = F.one_hot(torch.tensor([[0, 0], [0, 2]]), K).bool()
    with pytest.raises(ValueError, match="got none in row 1"):
        CompoundLoss()(torch.zeros(2, 2, K), allowed, torch.ones(2, 2).bool(), crf, True)
