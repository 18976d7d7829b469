import itertools
import math

import pytest
import torch
import torchcrf

from spacy_llama_ner.network.crf import CRF
from spacy_llama_ner.network.tags import legal_starts, legal_transitions, spans_to_tags, tags_to_spans

N_LABELS = 2
K = 2 * N_LABELS + 1
STARTS, TRANSITIONS = legal_starts(N_LABELS), legal_transitions(N_LABELS)


@pytest.fixture(autouse=True)
def _one_thread_and_seed():
    torch.set_num_threads(1)
    torch.manual_seed(0)


def make_crf(n_labels=N_LABELS, *, scale=1.0, **kwargs):
    """Make a BIO CRF with parameters large enough to matter."""
    crf = CRF(
        2 * n_labels + 1,
        legal_starts=legal_starts(n_labels),
        legal_transitions=legal_transitions(n_labels),
        **kwargs,
    )
    randomize(crf, scale)
    return crf


def randomize(crf, scale=1.0):
    for parameter in crf.parameters():
        torch.nn.init.normal_(parameter, std=scale)


def lengths_to_mask(lengths, width=None):
    width = max(lengths, default=0) if width is None else width
    return torch.arange(width) < torch.tensor(lengths, dtype=torch.long).unsqueeze(1)


def random_legal_tags(lengths, width=None, n_labels=N_LABELS):
    """Draw legal tag sequences; the padding holds tag 0."""
    legal, width = legal_transitions(n_labels), max(lengths) if width is None else width
    tags = torch.zeros(len(lengths), width, dtype=torch.long)
    for row, length in enumerate(lengths):
        options = legal_starts(n_labels)
        for position in range(length):
            tags[row, position] = options.float().multinomial(1)
            options = legal[tags[row, position]]
    return tags


def one_hot(tags, n_tags=K):
    return torch.nn.functional.one_hot(tags, n_tags).bool()


def path_scores(crf, emissions):
    """Score every legal path of one row (T, K) in plain Python: {tags: score}."""
    emissions = emissions.double().tolist()
    start, end = crf.start_transitions.double().tolist(), crf.end_transitions.double().tolist()
    transitions = crf.transitions.double().tolist()
    scores = {}
    for path in itertools.product(range(crf.num_tags), repeat=len(emissions)):
        pairs = list(itertools.pairwise(path))
        if not crf.legal_starts[path[0]] or not all(crf.legal_transitions[a, b] for a, b in pairs):
            continue
        score = start[path[0]] + end[path[-1]] + sum(transitions[a][b] for a, b in pairs)
        scores[path] = score + sum(row[tag] for row, tag in zip(emissions, path, strict=True))
    return scores


def log_sum(values):
    return torch.tensor(list(values), dtype=torch.float64).logsumexp(0).item()


def float64_reference_marginals(crf, emissions):
    """Compute one row's marginals (T, K) in float64 by scaled forward-backward in probability space."""
    start = crf.start_transitions.double().masked_fill(~crf.legal_starts, -math.inf).exp()
    transitions = crf.transitions.double().masked_fill(~crf.legal_transitions, -math.inf).exp()
    emissions = emissions.double()
    likelihoods = (emissions - emissions.amax(1, keepdim=True)).exp()
    alphas, betas = [start * likelihoods[0]], [crf.end_transitions.double().exp()]
    for likelihood in likelihoods[1:]:
        alpha = (alphas[-1] @ transitions) * likelihood
        alphas.append(alpha / alpha.sum())
    for likelihood in likelihoods.flip(0)[:-1]:
        beta = transitions @ (likelihood * betas[-1])
        betas.append(beta / beta.sum())
    product = torch.stack(alphas) * torch.stack(betas[::-1])
    return product / product.sum(1, keepdim=True)


# Construction


def test_crf_has_the_state_dict_of_torchcrf():
    crf = make_crf()
    assert set(crf.state_dict()) == set(torchcrf.CRF(K).state_dict())
    torchcrf.CRF(K).load_state_dict(crf.state_dict())


@pytest.mark.parametrize("cast", [torch.nn.Module.half, torch.nn.Module.bfloat16])
def test_crf_keeps_its_parameters_exact_in_half_precision(cast):
    crf = make_crf()
    before = {name: value.clone() for name, value in crf.state_dict().items()}
    cast(torch.nn.ModuleList([crf]))
    for name, value in crf.state_dict().items():
        assert value.dtype == torch.float32
        assert torch.equal(value, before[name])


def test_crf_parameters_are_float32_under_a_half_default_dtype():
    torch.set_default_dtype(torch.bfloat16)
    try:
        crf = CRF(K)
    finally:
        torch.set_default_dtype(torch.float32)
    assert {parameter.dtype for parameter in crf.parameters()} == {torch.float32}


def test_crf_can_be_cast_to_double():
    assert {parameter.dtype for parameter in make_crf().double().parameters()} == {torch.float64}


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"legal_starts": torch.ones(4, dtype=torch.bool)}, r"legal_starts of shape \(5,\), got \(4,\)"),
        ({"legal_starts": torch.ones(K)}, "legal_starts of type torch.bool, got torch.float32"),
        (
            {"legal_transitions": torch.ones(K, 4, dtype=torch.bool)},
            r"legal_transitions of shape \(5, 5\), got \(5, 4\)",
        ),
        ({"legal_transitions": torch.ones(K, K)}, "legal_transitions of type torch.bool, got torch.float32"),
    ],
)
def test_crf_refuses_bad_legality_masks(kwargs, message):
    with pytest.raises(ValueError, match=message):
        CRF(K, **kwargs)


def test_crf_refuses_no_tags():
    with pytest.raises(ValueError, match="invalid number of tags: 0"):
        CRF(0)


# forward, against torchcrf


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("reduction", ["none", "sum", "mean", "token_mean"])
@pytest.mark.parametrize("batch_first", [True, False])
def test_forward_equals_torchcrf_without_legality(dtype, reduction, batch_first):
    ours, theirs = CRF(K, batch_first=batch_first), torchcrf.CRF(K, batch_first=batch_first)
    randomize(ours)
    theirs.load_state_dict(ours.state_dict())
    ours, theirs = ours.to(dtype), theirs.to(dtype)
    mask = lengths_to_mask([6, 1, 4])
    emissions, tags = torch.randn(3, 6, K, dtype=dtype), torch.randint(K, (3, 6))
    if not batch_first:
        emissions, tags, mask = emissions.transpose(0, 1), tags.T, mask.T
    got = ours(emissions, tags, mask, reduction=reduction)
    expected = theirs(emissions, tags, mask, reduction=reduction)
    torch.testing.assert_close(got, expected.double(), rtol=1e-5, atol=0)


def test_forward_equals_torchcrf_with_illegal_scores_at_minus_ten_thousand():
    ours, theirs = make_crf().double(), torchcrf.CRF(K, batch_first=True).double()
    theirs.load_state_dict(ours.state_dict())
    with torch.no_grad():
        theirs.start_transitions[~STARTS] = -1e4
        theirs.transitions[~TRANSITIONS] = -1e4
    lengths = [7, 3, 1, 5]
    emissions, tags = torch.randn(4, 7, K).double() * 3, random_legal_tags(lengths)
    mask = lengths_to_mask(lengths)
    got, expected = ours(emissions, tags, mask), theirs(emissions, tags, mask)
    torch.testing.assert_close(got, expected, rtol=1e-5, atol=0)


def test_forward_has_the_gradients_of_torchcrf():
    ours, theirs = CRF(K).double(), torchcrf.CRF(K, batch_first=True).double()
    theirs.load_state_dict(ours.state_dict())
    mask, tags = lengths_to_mask([40, 17]), torch.randint(K, (2, 40))
    gradients = []
    emissions = torch.randn(2, 40, K, dtype=torch.float64, requires_grad=True)
    for crf in (ours, theirs):
        gradients.append(torch.autograd.grad(crf(emissions, tags, mask), [emissions, *crf.parameters()]))
    for got, expected in zip(*gradients, strict=True):
        torch.testing.assert_close(got, expected, rtol=1e-8, atol=1e-10)


def test_forward_takes_all_tokens_without_a_mask():
    crf, emissions, tags = make_crf(), torch.randn(2, 4, K), random_legal_tags([4, 4])
    assert torch.equal(crf(emissions, tags), crf(emissions, tags, lengths_to_mask([4, 4])))


def test_forward_ignores_tags_in_the_padding():
    crf, emissions, mask = make_crf(), torch.randn(2, 4, K), lengths_to_mask([4, 2])
    tags = random_legal_tags([4, 2])
    assert torch.equal(crf(emissions, tags.masked_fill(~mask, -100), mask), crf(emissions, tags, mask))


@pytest.mark.parametrize("reduction", ["sum", "mean", "token_mean"])
def test_forward_of_empty_rows_is_zero(reduction):
    got = make_crf()(torch.randn(2, 3, K), torch.zeros(2, 3).long(), lengths_to_mask([0, 0], 3), reduction)
    assert got.item() == 0.0


@pytest.mark.parametrize(
    ("tags", "mask", "reduction", "message"),
    [
        ([[0, 0]], None, "median", "Expected reduction 'none', 'sum', 'mean' or 'token_mean', got 'median'"),
        ([[0, 0, 0]], None, "sum", r"tags of shape \(1, 2\), got \(1, 3\)"),
        ([[0, 0]], [[True]], "sum", r"mask of shape \(1, 2\), got \(1, 1\)"),
        ([[0, K]], None, "sum", "tags from 0 to 4 where mask is True, got 0 to 5"),
        ([[-1, 0]], None, "sum", "tags from 0 to 4 where mask is True, got -1 to 0"),
        ([[0, 2]], None, "sum", "at least one legal tag sequence in each row, got none in row 0"),
    ],
)
def test_forward_refuses_bad_arguments(tags, mask, reduction, message):
    mask = None if mask is None else torch.tensor(mask)
    with pytest.raises(ValueError, match=message):
        make_crf()(torch.zeros(1, 2, K), torch.tensor(tags), mask, reduction)


# log_likelihood


@pytest.mark.parametrize("length", [1, 2, 3, 5])
def test_log_likelihood_equals_enumeration_with_partial_annotation(length):
    crf, emissions = make_crf(), torch.randn(4, length, K) * 2
    allowed = (torch.rand(4, length, K) < 0.5) | one_hot(random_legal_tags([length] * 4))
    got = crf.log_likelihood(emissions, allowed, torch.ones(4, length, dtype=torch.bool))
    for row in range(4):
        scores = path_scores(crf, emissions[row])
        consistent = [
            score for path, score in scores.items() if allowed[row, range(length), list(path)].all()
        ]
        assert 0 < len(consistent) <= len(scores)
        assert got[row].item() == pytest.approx(log_sum(consistent) - log_sum(scores.values()), abs=1e-10)


def test_log_likelihood_of_an_unknown_row_is_zero():
    got = make_crf().log_likelihood(torch.randn(1, 50, K), torch.ones(1, 50, K).bool(), torch.ones(1, 50))
    assert got.item() == pytest.approx(0.0, abs=1e-12)


def test_log_likelihood_of_all_legal_paths_sums_to_one():
    crf, emissions = make_crf(), torch.randn(1, 4, K)
    paths = torch.tensor(list(path_scores(crf, emissions[0])))
    got = crf(emissions.expand(len(paths), -1, -1), paths, reduction="none")
    assert got.exp().sum().item() == pytest.approx(1.0, abs=1e-12)


def test_log_likelihood_of_an_empty_row_is_zero():
    allowed = one_hot(random_legal_tags([0, 3]))
    allowed[0] = False
    got = make_crf().log_likelihood(torch.randn(2, 3, K), allowed, lengths_to_mask([0, 3]))
    assert got[0].item() == 0.0
    assert got[1].item() < 0.0


@pytest.mark.parametrize(("n_rows", "n_tokens"), [(2, 0), (0, 3), (0, 0)])
def test_log_likelihood_of_no_tokens_is_zero_with_a_graph(n_rows, n_tokens):
    emissions = torch.randn(n_rows, n_tokens, K, requires_grad=True)
    mask = torch.ones(n_rows, n_tokens, dtype=torch.bool)
    got = make_crf().log_likelihood(emissions, torch.ones_like(emissions).bool(), mask)
    assert got.tolist() == [0.0] * n_rows
    got.sum().backward()
    assert emissions.grad is not None


@pytest.mark.parametrize("filler", [1e6, math.nan, math.inf])
def test_log_likelihood_ignores_the_padding(filler):
    crf, emissions, tags = make_crf(), torch.randn(1, 3, K), random_legal_tags([3])
    alone = crf.log_likelihood(emissions, one_hot(tags), torch.ones(1, 3))
    padded = torch.cat([emissions, torch.full((1, 30, K), filler)], dim=1).requires_grad_()
    nothing_allowed = torch.zeros(1, 30, K, dtype=torch.bool)
    got = crf.log_likelihood(
        padded, torch.cat([one_hot(tags), nothing_allowed], dim=1), lengths_to_mask([3], 33)
    )
    assert got.item() == pytest.approx(alone.item(), abs=1e-12)
    got.sum().backward()
    assert padded.grad.isfinite().all()
    assert not padded.grad[:, 3:].any()


def test_log_likelihood_passes_gradcheck_with_partial_annotation():
    crf = make_crf().double()
    lengths, width = [18, 0, 5], 18
    emissions = torch.randn(3, width, K, dtype=torch.float64, requires_grad=True)
    allowed = one_hot(random_legal_tags(lengths, width))
    allowed[0, 3:6] = True
    allowed[2, 1, :3] = True
    mask = lengths_to_mask(lengths, width)

    def log_likelihood(emissions, *parameters):
        names = [name for name, _ in crf.named_parameters()]
        call = (emissions, allowed, mask)
        return torch.func.functional_call(LogLikelihood(crf), named(names, parameters), call)

    assert torch.autograd.gradcheck(log_likelihood, (emissions, *crf.parameters()), fast_mode=True)


class LogLikelihood(torch.nn.Module):
    def __init__(self, crf):
        super().__init__()
        self.crf = crf

    def forward(self, *args):
        return self.crf.log_likelihood(*args)


def named(names, parameters):
    return {f"crf.{name}": parameter for name, parameter in zip(names, parameters, strict=True)}


@pytest.mark.parametrize("scale", [1e4, 1e6])
def test_log_likelihood_and_gradients_are_finite_at_extreme_scores(scale):
    crf = make_crf(scale=scale)
    lengths = [40, 7, 0]
    emissions = (torch.randn(3, 40, K).sign() * scale).requires_grad_()
    allowed = one_hot(random_legal_tags(lengths))
    allowed[0, 10:20] = True
    got = crf.log_likelihood(emissions, allowed, lengths_to_mask(lengths))
    got.sum().backward()
    assert got.isfinite().all()
    for tensor in (emissions, *crf.parameters()):
        assert tensor.grad.isfinite().all()


def test_log_likelihood_gives_illegal_transitions_no_gradient():
    crf = make_crf()
    crf(torch.randn(2, 9, K), random_legal_tags([9, 9])).backward()
    assert not crf.start_transitions.grad[~STARTS].any()
    assert not crf.transitions.grad[~TRANSITIONS].any()
    assert crf.transitions.grad[TRANSITIONS].all()


def test_log_likelihood_takes_half_precision_emissions():
    crf, emissions, tags = make_crf(), torch.randn(2, 5, K).bfloat16(), random_legal_tags([5, 5])
    got = crf.log_likelihood(emissions, one_hot(tags), torch.ones(2, 5))
    assert torch.equal(got, crf.log_likelihood(emissions.double(), one_hot(tags), torch.ones(2, 5)))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("broken", [math.nan, math.inf])
@pytest.mark.parametrize(("length", "position"), [(1, 0), (4, 2), (300, 0), (300, 150)])
def test_crf_passes_nan_on_in_its_row_alone(length, position, broken):
    crf, emissions = make_crf(), torch.randn(2, length, K)
    allowed = one_hot(random_legal_tags([length, length]))
    allowed[:, length // 3] = True
    mask, spans = torch.ones(2, length), [(position, position + 1, 1, 2), (0, length, 1, 2)]
    marginals, values = (
        crf.marginals(emissions, mask),
        crf.span_log_probabilities(emissions, mask, [spans] * 2),
    )
    emissions[1, position, 0] = broken
    emissions.requires_grad_()
    got = crf.log_likelihood(emissions, allowed, mask)
    got.sum().backward()
    assert got.isnan().tolist() == [False, True]
    assert emissions.grad[0].isfinite().all()
    assert emissions.grad[1].isnan().all()
    got = crf.marginals(emissions, mask)
    torch.testing.assert_close(got[0], marginals[0])
    assert got[1].isnan().all()
    got = crf.span_log_probabilities(emissions, mask, [spans] * 2)
    assert got[0] == pytest.approx(values[0])
    assert not any(math.isfinite(value) for value in got[1])


def test_log_likelihood_of_a_sure_row_keeps_its_digits_however_long():
    # What differs between the two sums is 1e-13 of them.
    crf, n_tokens = CRF(3).double(), 20_000
    arriving = torch.randn(3, dtype=torch.float64) * 5
    with torch.no_grad():
        crf.start_transitions.copy_(arriving)
        crf.transitions.copy_(arriving.expand(3, 3))  # from whatever tag: tokens do not depend on each other
        crf.end_transitions.zero_()
    tags = torch.randint(3, (1, n_tokens))
    emissions = torch.randn(1, n_tokens, 3, dtype=torch.float64) + 40.0 * one_hot(tags, 3)
    logs = torch.log_softmax(emissions + arriving, dim=2).gather(2, tags.unsqueeze(2))
    assert crf(emissions, tags).item() == pytest.approx(math.fsum(logs.flatten().tolist()), abs=2e-10)


@pytest.mark.parametrize("position", [0, 5, 40, 59])
def test_log_likelihood_names_the_row_without_a_legal_path(position):
    allowed = torch.ones(3, 60, K, dtype=torch.bool)
    allowed[1, position] = False
    with pytest.raises(ValueError, match="at least one legal tag sequence in each row, got none in row 1"):
        make_crf().log_likelihood(torch.randn(3, 60, K), allowed, torch.ones(3, 60))


def test_log_likelihood_names_the_row_with_an_illegal_annotation():
    tags = torch.tensor([[1, 2, 0], [0, 2, 0]])
    with pytest.raises(ValueError, match="got none in row 1"):
        make_crf().log_likelihood(torch.randn(2, 3, K), one_hot(tags), torch.ones(2, 3))


@pytest.mark.parametrize(
    ("emissions", "allowed", "mask", "message"),
    [
        ((2, 3, 4), (2, 3, 4), (2, 3), r"emissions of shape \(D, T, 5\), got \(2, 3, 4\)"),
        ((3, K), (3, K), (3,), r"emissions of shape \(D, T, 5\), got \(3, 5\)"),
        ((2, 3, K), (2, 4, K), (2, 3), r"allowed of shape \(2, 3, 5\), got \(2, 4, 5\)"),
        ((2, 3, K), (2, 3, K), (2, 4), r"mask of shape \(2, 3\), got \(2, 4\)"),
    ],
)
def test_log_likelihood_refuses_disagreeing_shapes(emissions, allowed, mask, message):
    with pytest.raises(ValueError, match=message):
        make_crf().log_likelihood(torch.zeros(emissions), torch.ones(allowed).bool(), torch.ones(mask).bool())


def test_log_likelihood_refuses_float_allowed():
    with pytest.raises(ValueError, match=r"allowed of type torch\.bool, got torch\.float32"):
        make_crf().log_likelihood(torch.zeros(1, 2, K), torch.ones(1, 2, K), torch.ones(1, 2))


@pytest.mark.parametrize("mask", [[[1, 1, 1], [1, 0, 1]], [[1, 1, 0], [0, 1, 1]]])
@pytest.mark.parametrize("method", ["log_likelihood", "decode", "marginals", "span_log_probabilities"])
def test_crf_refuses_a_mask_with_a_hole(method, mask):
    mask, emissions = torch.tensor(mask).bool(), torch.zeros(2, 3, K)
    arguments = {
        "log_likelihood": (emissions, torch.ones(2, 3, K).bool(), mask),
        "span_log_probabilities": (emissions, mask, [[], []]),
    }.get(method, (emissions, mask))
    with pytest.raises(ValueError, match="a run of True, then False, got a hole in row 1"):
        getattr(make_crf(), method)(*arguments)


# decode


@pytest.mark.parametrize("length", [1, 2, 3, 5])
def test_decode_finds_the_best_legal_path(length):
    crf, emissions = make_crf(), torch.randn(5, length, K)
    for row, tags in enumerate(crf.decode(emissions)):
        scores = path_scores(crf, emissions[row])
        assert scores[tuple(tags)] == pytest.approx(max(scores.values()), abs=1e-10)


@pytest.mark.parametrize("batch_first", [True, False])
def test_decode_equals_torchcrf_without_legality(batch_first):
    ours, theirs = CRF(K, batch_first=batch_first), torchcrf.CRF(K, batch_first=batch_first)
    randomize(ours)
    theirs.load_state_dict(ours.state_dict())
    emissions, mask = torch.randn(4, 30, K), lengths_to_mask([30, 1, 12, 29])
    if not batch_first:
        emissions, mask = emissions.transpose(0, 1), mask.T
    assert ours.decode(emissions, mask) == theirs.decode(emissions, mask)


@pytest.mark.parametrize("scale", [1.0, 1e6, 1e35])
def test_decode_gives_legal_paths_at_extreme_scores(scale):
    crf, emissions = make_crf(scale=10.0), torch.randn(20, 30, K) * scale
    emissions[:, :, 2::2] += scale  # in favour of I tags
    assert all(spans_to_tags(tags_to_spans(tags), 30) == tags for tags in crf.decode(emissions))


def test_decode_does_not_depend_on_the_padding():
    crf, emissions = make_crf(), torch.randn(3, 8, K)
    mask = lengths_to_mask([8, 5, 1])
    alone = [crf.decode(emissions[i : i + 1, :n])[0] for i, n in enumerate([8, 5, 1])]
    assert crf.decode(emissions.masked_fill(~mask.unsqueeze(2), math.nan), mask) == alone


def test_decode_of_an_empty_row_is_empty():
    decoded = make_crf().decode(torch.randn(3, 4, K), lengths_to_mask([0, 4, 0]))
    assert [len(tags) for tags in decoded] == [0, 4, 0]


@pytest.mark.parametrize(("n_rows", "n_tokens"), [(2, 0), (0, 3), (0, 0)])
def test_decode_of_no_tokens_is_empty(n_rows, n_tokens):
    assert make_crf().decode(torch.zeros(n_rows, n_tokens, K)) == [[]] * n_rows


def test_decode_takes_tensors_with_a_graph():
    assert len(make_crf().decode(torch.randn(1, 3, K, requires_grad=True))[0]) == 3


@pytest.mark.parametrize("position", [0, 1, 3])
@pytest.mark.parametrize("tag", [0, 2])
@pytest.mark.parametrize("broken", [math.nan, math.inf])
def test_decode_names_the_row_with_broken_emissions(broken, tag, position):
    emissions = torch.zeros(3, 4, K)
    emissions[2, position, tag] = broken
    with pytest.raises(ValueError, match="finite emissions and parameters, got nan or inf for row 2"):
        make_crf().decode(emissions)


def test_decode_refuses_broken_parameters():
    crf = make_crf()
    torch.nn.init.constant_(crf.transitions, math.nan)
    with pytest.raises(ValueError, match="finite emissions and parameters, got nan or inf for row 1"):
        crf.decode(torch.zeros(2, 4, K), lengths_to_mask([0, 4]))


@pytest.mark.parametrize("method", ["decode", "marginals"])
@pytest.mark.parametrize("length", [2, 40])
def test_crf_names_the_row_that_no_legal_path_fits(method, length):
    crf = CRF(2, legal_transitions=torch.zeros(2, 2, dtype=torch.bool))  # rows of one token at most
    with pytest.raises(ValueError, match="at least one legal tag sequence in each row, got none in row 1"):
        getattr(crf, method)(torch.zeros(2, length, 2), lengths_to_mask([1, length]))


def test_decode_refuses_disagreeing_shapes():
    with pytest.raises(ValueError, match=r"mask of shape \(1, 3\), got \(1, 2\)"):
        make_crf().decode(torch.zeros(1, 3, K), torch.ones(1, 2).bool())


# marginals


@pytest.mark.parametrize("length", [1, 2, 3, 5])
def test_marginals_equal_enumeration(length):
    crf, emissions = make_crf(), torch.randn(1, length, K) * 2
    expected = torch.zeros(1, length, K)
    scores = path_scores(crf, emissions[0])
    total = log_sum(scores.values())
    for path, score in scores.items():
        expected[0, range(length), list(path)] += math.exp(score - total)
    got = crf.marginals(emissions, torch.ones(1, length).bool())
    torch.testing.assert_close(got, expected, rtol=0, atol=1e-6)


def test_marginals_are_the_gradient_of_the_log_partition():
    crf, lengths = make_crf(), [30, 11]
    tags, mask = random_legal_tags(lengths), lengths_to_mask(lengths)
    emissions = torch.randn(2, 30, K, dtype=torch.float64, requires_grad=True)
    crf(emissions, tags, mask).backward()
    expected = (one_hot(tags) * mask.unsqueeze(2)).double() - emissions.grad
    torch.testing.assert_close(crf.marginals(emissions, mask).double(), expected, rtol=0, atol=1e-6)


def test_marginals_sum_to_one_in_the_mask_and_are_zero_elsewhere():
    mask = lengths_to_mask([6, 0, 2])
    got = make_crf().marginals(torch.randn(3, 6, K, requires_grad=True), mask)
    torch.testing.assert_close(got.sum(2), mask.float())
    assert got.dtype == torch.float32
    assert not got.requires_grad


def test_marginals_of_illegal_tags_are_zero():
    emissions = torch.zeros(1, 3, K)
    emissions[0, 0, 2] = 1e6  # I may not start
    assert not make_crf().marginals(emissions, torch.ones(1, 3))[0, 0, ~STARTS].any()


def test_marginals_do_not_depend_on_the_padding():
    crf, emissions, mask = make_crf(), torch.randn(2, 40, K), lengths_to_mask([40, 3])
    alone = crf.marginals(emissions[1:, :3], torch.ones(1, 3))
    got = crf.marginals(emissions.masked_fill(~mask.unsqueeze(2), math.nan), mask)
    torch.testing.assert_close(got[1:, :3], alone, rtol=0, atol=1e-7)


@pytest.mark.parametrize("scale", [1e4, 1e6])
def test_marginals_are_finite_at_extreme_scores(scale):
    got = make_crf(scale=scale).marginals(torch.randn(2, 50, K) * scale, torch.ones(2, 50))
    assert got.isfinite().all()
    torch.testing.assert_close(got.sum(2), torch.ones(2, 50))


@pytest.mark.parametrize(("n_rows", "n_tokens"), [(2, 0), (0, 3)])
def test_marginals_of_no_tokens_are_empty(n_rows, n_tokens):
    got = make_crf().marginals(torch.zeros(n_rows, n_tokens, K), torch.ones(n_rows, n_tokens).bool())
    assert got.shape == (n_rows, n_tokens, K)


@pytest.mark.parametrize("n_tokens", [5_000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_marginals_are_right_on_long_rows(n_tokens):
    crf = make_crf(4)
    emissions = torch.randn(1, n_tokens, 9) * 5
    got = crf.marginals(emissions, torch.ones(1, n_tokens))
    expected = float64_reference_marginals(crf, emissions[0])
    torch.testing.assert_close(got[0].double(), expected, rtol=0, atol=1e-6)


@pytest.mark.slow
def test_decode_is_legal_on_100_000_tokens():
    (tags,) = make_crf(4).decode(torch.randn(1, 100_000, 9) * 5)
    assert spans_to_tags(tags_to_spans(tags), 100_000) == tags


# span_log_probabilities


def all_spans(length):
    return [
        (start, end, 1 + 2 * label, 2 + 2 * label)
        for start, end in itertools.combinations(range(length + 1), 2)
        for label in range(N_LABELS)
    ]


@pytest.mark.parametrize("length", [1, 2, 3, 5])
def test_span_log_probabilities_equal_enumeration(length):
    crf, emissions = make_crf(), torch.randn(1, length, K) * 2
    scores = path_scores(crf, emissions[0])
    total = log_sum(scores.values())
    spans = all_spans(length)
    (got,) = crf.span_log_probabilities(emissions, torch.ones(1, length), [spans])
    for (start, end, begin, _), value in zip(spans, got, strict=True):
        entity = (start, end, (begin - 1) // 2)
        expected = log_sum(score for path, score in scores.items() if entity in tags_to_spans(path)) - total
        assert value == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize("temperature", [0.3, 1.0, 2.5])
def test_span_log_probabilities_at_a_temperature_equal_enumeration(temperature):
    crf, emissions = make_crf(), torch.randn(1, 4, K) * 2
    scores = {path: score / temperature for path, score in path_scores(crf, emissions[0]).items()}
    total, spans = log_sum(scores.values()), all_spans(4)
    (got,) = crf.span_log_probabilities(emissions, torch.ones(1, 4), [spans], temperature=temperature)
    for (start, end, begin, _), value in zip(spans, got, strict=True):
        entity = (start, end, (begin - 1) // 2)
        expected = log_sum(score for path, score in scores.items() if entity in tags_to_spans(path)) - total
        assert value == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize("temperature", [0.0, -1.0, math.nan])
def test_span_log_probabilities_refuse_a_temperature_that_is_none(temperature):
    with pytest.raises(ValueError, match="Expected a temperature above 0, got"):
        make_crf().span_log_probabilities(
            torch.zeros(1, 1, K), torch.ones(1, 1), [[]], temperature=temperature
        )


def test_span_log_probabilities_do_not_depend_on_the_batch():
    crf, emissions, lengths = make_crf(), torch.randn(3, 40, K), [4, 0, 40]
    mask = lengths_to_mask(lengths)
    spans = [all_spans(4), [], [(0, 40, 1, 2), (39, 40, 3, 4), (5, 8, 1, 2)]]
    got = crf.span_log_probabilities(emissions.masked_fill(~mask.unsqueeze(2), math.nan), mask, spans)
    for row, length in enumerate(lengths):
        alone = crf.span_log_probabilities(
            emissions[row : row + 1, :length], torch.ones(1, length), [spans[row]]
        )
        assert got[row] == pytest.approx(alone[0], abs=1e-9)


def test_span_log_probabilities_of_a_sure_entity_is_zero():
    emissions = one_hot(torch.tensor([[0, 1, 2, 2, 0]])) * 1e4
    got = make_crf().span_log_probabilities(emissions.float(), torch.ones(1, 5), [[(1, 4, 1, 2)]])
    assert got == [[0.0]]


@pytest.mark.parametrize("scale", [1.0, 30.0, 1e4, 1e6])
@pytest.mark.parametrize("temperature", [1.0, 0.001, 1000.0])
def test_span_log_probabilities_are_finite_and_at_most_zero(scale, temperature):
    emissions = torch.randn(50, 6, K) * scale
    got = make_crf(scale=scale).span_log_probabilities(
        emissions, torch.ones(50, 6), [all_spans(6)] * 50, temperature=temperature
    )
    assert all(-1e12 < value <= 0.0 for row in got for value in row)


def test_span_log_probabilities_never_round_above_zero():
    emissions = torch.randn(200, 2, K)  # a sure B, then anything but I
    emissions[:, 0, 1] += 1e4
    emissions[:, 1, 2] -= 1e4
    got = make_crf().span_log_probabilities(emissions, torch.ones(200, 2), [[(0, 1, 1, 2)]] * 200)
    assert all(-1e-9 < value <= 0.0 for (value,) in got)


def test_span_log_probabilities_of_an_impossible_span_is_minus_infinity():
    crf = make_crf()
    got = crf.span_log_probabilities(torch.randn(1, 3, K), torch.ones(1, 3), [[(0, 2, 1, 4), (0, 1, 2, 2)]])
    assert got == [[-math.inf, -math.inf]]


def test_span_log_probabilities_agree_with_marginals_on_a_long_row():
    crf, n_tokens = make_crf(4), 3_000
    emissions, mask = torch.randn(1, n_tokens, 9) * 3, torch.ones(1, n_tokens)
    tags = crf.decode(emissions)[0]
    spans = [(start, end, 1 + 2 * label, 2 + 2 * label) for start, end, label in tags_to_spans(tags)]
    (got,) = crf.span_log_probabilities(emissions, mask, [spans])
    marginals = crf.marginals(emissions, mask)[0]
    assert len(spans) > 100
    for (start, end, begin, inside), value in zip(spans, got, strict=True):
        bound = min(marginals[start, begin].item(), *marginals[start + 1 : end, inside].tolist(), 1.0)
        assert 0.0 < math.exp(value) <= bound + 1e-6


@pytest.mark.parametrize("spans", [[[], []], [[(0, 1, 1, 2)], []]])
def test_span_log_probabilities_keep_the_shape_of_spans(spans):
    got = make_crf().span_log_probabilities(torch.randn(2, 3, K), lengths_to_mask([3, 0]), spans)
    assert [len(row) for row in got] == [len(row) for row in spans]


@pytest.mark.parametrize(
    ("spans", "message"),
    [
        ([[]], "spans for 2 rows, got 1"),
        ([[], [(1, 3, 1, 2)]], "start < end <= 2 in row 1, got start 1 and end 3"),
        ([[(1, 1, 1, 2)], []], "start < end <= 3 in row 0, got start 1 and end 1"),
        ([[(-1, 1, 1, 2)], []], "start < end <= 3 in row 0, got start -1 and end 1"),
        ([[(0, 1, 1, K)], []], r"tags from 0 to 4 in row 0, got \(1, 5\)"),
    ],
)
def test_span_log_probabilities_refuse_bad_spans(spans, message):
    with pytest.raises(ValueError, match=message):
        make_crf().span_log_probabilities(torch.zeros(2, 3, K), lengths_to_mask([3, 2]), spans)
