"""Missing and misaligned annotation through the component, against enumeration of every legal tag sequence."""

import itertools

import numpy as np
import pytest
import spacy
import torch
from spacy.tokens import Doc, Span
from spacy.training import Example
from spacy.util import fix_random_seed

PIPE = "llama_crf_ner"
LABELS = ["PER", "LOC"]
OUTSIDE, B_PER, I_PER, B_LOC, I_LOC = range(5)
UNKNOWN = None
WEIGHTS = {"cross_entropy_weight": 0.7, "crf_weight": 0.4, "label_smoothing_weight": 0.3, "smoothing": 0.2}


def missing_entities(nlp):
    """Part of a doc set as missing: not as outside."""
    text = "Anna Kovac left Berlin"
    reference = nlp.make_doc(text)
    reference.set_ents([Span(reference, 0, 2, "PER")], missing=[reference[2:4]], default="outside")
    return Example(nlp.make_doc(text), reference)


def partial_dict(nlp):
    doc = nlp.make_doc("we met Anna Kovac")
    return Example.from_dict(doc, {"entities": ["-", "O", "U-PER", "-"]})


def missing_after_an_entity(nlp):
    """The unknown word may go on with the entity before it."""
    doc = nlp.make_doc("Anna Kovac left")
    return Example.from_dict(doc, {"entities": ["U-PER", "-", "O"]})


def missing_before_an_entity(nlp):
    doc = nlp.make_doc("near Berlin Mitte now")
    return Example.from_dict(doc, {"entities": ["-", "B-LOC", "L-LOC", "-"]})


def all_missing_by_dict(nlp):
    return Example.from_dict(nlp.make_doc("Anna left"), {"entities": ["-", "-"]})


def no_annotation(nlp):
    return Example.from_dict(nlp.make_doc("Anna met Sato"), {})


def coarser_tokens(nlp):
    """The entity ends inside a predicted token: it and the rest of the entity are unknown."""
    predicted = Doc(
        nlp.vocab, words=["Anna", "Kovac-based", "unit", "fell"], spaces=[True, True, True, False]
    )
    reference = Doc(
        nlp.vocab,
        words=["Anna", "Kovac", "-", "based", "unit", "fell"],
        spaces=[True, False, False, True, True, False],
        ents=["B-PER", "I-PER", "O", "O", "O", "O"],
    )
    return Example(predicted, reference)


def two_entities_in_one_token(nlp):
    predicted = Doc(nlp.vocab, words=["Anna/Berlin", "fell"])
    reference = Doc(
        nlp.vocab,
        words=["Anna", "/", "Berlin", "fell"],
        spaces=[False, False, True, False],
        ents=["B-PER", "O", "B-LOC", "O"],
    )
    return Example(predicted, reference)


def finer_tokens(nlp):
    """An entity whose characters align is known, whatever its tokens."""
    predicted = Doc(nlp.vocab, words=["New", "-", "Lisbon", "fell"], spaces=[False, False, True, False])
    reference = Doc(nlp.vocab, words=["New-Lisbon", "fell"], spaces=[True, False], ents=["B-LOC", "O"])
    return Example(predicted, reference)


def finer_tokens_of_missing_annotation(nlp):
    predicted = Doc(nlp.vocab, words=["New", "-", "Lisbon", "fell"], spaces=[False, False, True, False])
    reference = Doc(nlp.vocab, words=["New-Lisbon", "fell"], spaces=[True, False], ents=["", "O"])
    return Example(predicted, reference)


def whitespace_in_a_gap(nlp):
    reference = nlp.make_doc("Anna\n\nleft  Berlin")
    entity = Span(reference, len(reference) - 1, len(reference), "LOC")
    reference.set_ents([entity], missing=[reference[0:1]], default="outside")
    return Example(nlp.make_doc("Anna\n\nleft  Berlin"), reference)


# each example, and the one tag that each word may have
CASES = [
    (missing_entities, [B_PER, I_PER, UNKNOWN, UNKNOWN]),
    (partial_dict, [UNKNOWN, OUTSIDE, B_PER, UNKNOWN]),
    (missing_after_an_entity, [B_PER, UNKNOWN, OUTSIDE]),
    (missing_before_an_entity, [UNKNOWN, B_LOC, I_LOC, UNKNOWN]),
    (all_missing_by_dict, [UNKNOWN, UNKNOWN]),
    (no_annotation, [UNKNOWN, UNKNOWN, UNKNOWN]),
    (coarser_tokens, [UNKNOWN, UNKNOWN, OUTSIDE, OUTSIDE]),
    (two_entities_in_one_token, [UNKNOWN, OUTSIDE]),
    (finer_tokens, [B_LOC, I_LOC, I_LOC, OUTSIDE]),
    (finer_tokens_of_missing_annotation, [UNKNOWN, UNKNOWN, UNKNOWN, OUTSIDE]),
    (whitespace_in_a_gap, [UNKNOWN, OUTSIDE, B_LOC]),
]


def make_nlp(tiny_llama, *, use_crf):
    fix_random_seed(0)
    nlp = spacy.blank("en")
    backbone = {"@misc": "spacy_llama_ner.HuggingFaceBackbone.v1", "name": str(tiny_llama)}
    config = {"compound_loss": WEIGHTS, "model": {"use_crf": use_crf, "lora_rank": 4, "backbone": backbone}}
    pipe = nlp.add_pipe(PIPE, config=config)
    pipe.initialize(lambda: [partial_dict(nlp), missing_before_an_entity(nlp)], labels=LABELS)
    with torch.no_grad():  # transitions large enough to matter
        for weight in pipe.shim.network.parameters():
            if weight.requires_grad:
                weight.add_(torch.randn_like(weight) * 0.5)
    return nlp


@pytest.fixture(scope="module")
def crf_nlp(tiny_llama):
    return make_nlp(tiny_llama, use_crf=True)


@pytest.fixture(scope="module")
def softmax_nlp(tiny_llama):
    return make_nlp(tiny_llama, use_crf=False)


@pytest.fixture(params=["crf", "softmax"])
def nlp(request):
    return request.getfixturevalue(f"{request.param}_nlp")


def is_legal(path):
    """An I tag continues an entity of its own label."""
    before = (OUTSIDE, *path)
    return all(
        tag not in (I_PER, I_LOC) or previous in (tag, tag - 1)
        for previous, tag in zip(before[:-1], path, strict=True)
    )


def path_score(path, emissions, crf):
    score = crf["start_transitions"][path[0]] + crf["end_transitions"][path[-1]]
    score += sum(emissions[index, tag] for index, tag in enumerate(path))
    return score + sum(crf["transitions"][pair] for pair in itertools.pairwise(path))


def enumerated_loss(emissions, tags, crf):
    """The weighted loss of one doc in float64, in plain numpy: no part of the package takes part.

    emissions (ndarray): Shape (T, 5). tags (list): The tag of each word, or UNKNOWN.
    crf (Optional[dict]): The CRF's parameters; None leaves its term out.
    """
    emissions = emissions.astype(np.float64)
    cross_entropy = smoothed = 0.0
    for row, tag in zip(emissions, tags, strict=True):
        if tag is UNKNOWN:
            continue
        log_probabilities = row - np.logaddexp.reduce(row)
        target = np.full(5, WEIGHTS["smoothing"] / 5)
        target[tag] += 1 - WEIGHTS["smoothing"]
        cross_entropy -= log_probabilities[tag]
        smoothed -= target @ log_probabilities
    loss = WEIGHTS["cross_entropy_weight"] * cross_entropy + WEIGHTS["label_smoothing_weight"] * smoothed
    if crf is None:
        return loss
    paths = [path for path in itertools.product(range(5), repeat=len(tags)) if is_legal(path)]
    fits = [all(tag in (UNKNOWN, own) for tag, own in zip(tags, path, strict=True)) for path in paths]
    scores = np.array([path_score(path, emissions, crf) for path in paths])
    return loss + WEIGHTS["crf_weight"] * (
        np.logaddexp.reduce(scores) - np.logaddexp.reduce(scores[np.array(fits)])
    )


def crf_parameters(nlp):
    pipe = nlp.get_pipe(PIPE)
    if not pipe.shim.settings.use_crf:
        return None
    return {name: w.detach().double().numpy() for name, w in pipe.shim.network.crf.named_parameters()}


def random_emissions(tags, seed):
    return np.random.default_rng(seed).normal(scale=2.0, size=(len(tags), 5)).astype(np.float32)


@pytest.mark.parametrize(("make", "tags"), CASES, ids=lambda value: getattr(value, "__name__", ""))
def test_loss_of_given_emissions_is_that_of_enumeration(nlp, make, tags):
    emissions = random_emissions(tags, seed=1)
    loss, _ = nlp.get_pipe(PIPE).get_loss([make(nlp)], [emissions])
    assert loss == pytest.approx(enumerated_loss(emissions, tags, crf_parameters(nlp)), abs=1e-5)


@pytest.mark.parametrize(("make", "tags"), CASES, ids=lambda value: getattr(value, "__name__", ""))
def test_gradient_of_given_emissions_is_that_of_enumeration(nlp, make, tags):
    """Central differences of the enumeration, in float64, at every word and tag."""
    emissions, crf, step = random_emissions(tags, seed=2), crf_parameters(nlp), 1e-5
    _, (gradient,) = nlp.get_pipe(PIPE).get_loss([make(nlp)], [emissions])
    slopes = np.zeros(emissions.shape)
    for place in np.ndindex(emissions.shape):
        higher, lower = (emissions.astype(np.float64) for _ in range(2))
        higher[place] += step
        lower[place] -= step
        slopes[place] = (enumerated_loss(higher, tags, crf) - enumerated_loss(lower, tags, crf)) / (2 * step)
    np.testing.assert_allclose(gradient, slopes, rtol=0, atol=2e-6)


def test_loss_of_update_is_that_of_enumeration(nlp):
    """All cases in one padded batch, from the texts on: what training sees."""
    pipe, examples = nlp.get_pipe(PIPE), [make(nlp) for make, _ in CASES]
    emissions = pipe.model.predict([eg.predicted for eg in examples])
    crf = crf_parameters(nlp)
    expected = sum(enumerated_loss(rows, tags, crf) for rows, (_, tags) in zip(emissions, CASES, strict=True))
    try:
        loss = pipe.update(examples)[PIPE]
        assert pipe.shim._known == sum(tag is not UNKNOWN for _, tags in CASES for tag in tags)
    finally:
        pipe.shim._clear_step()
        pipe.shim.network.zero_grad(set_to_none=True)
    assert loss == pytest.approx(expected, rel=1e-5)


def test_unknown_word_stays_in_the_sequence(crf_nlp):
    """It changes the loss of what is known around it; in a softmax head nothing does."""
    emissions = random_emissions([OUTSIDE] * 4, seed=3)
    other = emissions.copy()
    other[2, I_PER] += 3.0
    pipe, example = crf_nlp.get_pipe(PIPE), missing_entities(crf_nlp)
    assert abs(pipe.get_loss([example], [emissions])[0] - pipe.get_loss([example], [other])[0]) > 0.01


def test_unknown_word_is_left_out_of_the_softmax_loss(softmax_nlp):
    emissions = random_emissions([OUTSIDE] * 4, seed=3)
    pipe, example = softmax_nlp.get_pipe(PIPE), missing_entities(softmax_nlp)
    _, (gradient,) = pipe.get_loss([example], [emissions])
    assert not gradient[2:].any()
    assert gradient[:2].all()


def test_enumeration_tells_missing_from_outside():
    """The oracle itself: 11 sequences of two tags are legal, 4 of them begin with B-PER, 1 goes on with O."""
    crf = {"start_transitions": np.zeros(5), "end_transitions": np.zeros(5), "transitions": np.zeros((5, 5))}
    unknown, outside = (
        enumerated_loss(np.zeros((2, 5)), [B_PER, tag], crf)
        - enumerated_loss(np.zeros((2, 5)), [B_PER, tag], None)
        for tag in (UNKNOWN, OUTSIDE)
    )
    assert unknown == pytest.approx(WEIGHTS["crf_weight"] * np.log(11 / 4))
    assert outside == pytest.approx(WEIGHTS["crf_weight"] * np.log(11))
