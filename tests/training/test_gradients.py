"""The gradient that reaches the optimizer, through the component and real Examples."""

from dataclasses import replace

import numpy as np
import pytest
import spacy
import torch
from spacy.tokens import Doc
from spacy.training import Example
from spacy.util import fix_random_seed

PIPE = "llama_crf_ner"
LABELS = ["PER", "ORG", "LOC", "MISC"]
# An empty tag is missing annotation; spaCy allows it per token.
SENTENCES = [
    ("Anna Kovac visited Berlin on Monday", "B-PER I-PER O B-LOC O O"),
    ("Shares of Northgate Steel fell", "O O B-ORG I-ORG O"),
    ("It rained", "O O"),
    ("Mr Sato left a Danish court in Lisbon", "O B-PER _ _ B-MISC O _ _"),
    ("Nobody has read this one", "_ _ _ _ _"),
]


class RecordingOptimizer:
    """Stands in for thinc's: notes each gradient and leaves the weights alone."""

    L2 = 0.0
    learn_rate = 0.0

    def __init__(self):
        self.gradients = {}

    def __call__(self, key, weights, gradient, *, lr_scale=1.0):
        self.gradients[key[1]] = np.array(gradient, dtype=np.float64)
        return weights, gradient


def make_examples(nlp):
    examples = []
    for text, tags in SENTENCES:
        words = text.split()
        ents = ["" if tag == "_" else tag for tag in tags.split()]
        examples.append(Example(Doc(nlp.vocab, words=words), Doc(nlp.vocab, words=words, ents=ents)))
    return examples


@pytest.fixture(
    params=[
        {"use_crf": use_crf, "freeze_backbone": freeze, "peft": peft}
        for use_crf in (True, False)
        for freeze, peft in ((True, "lora"), (False, None))
    ],
    ids=["crf, lora", "crf, all weights", "softmax, lora", "softmax, all weights"],
)
def nlp(request, tiny_llama):
    """A pipeline in which no trainable weight is at its initial value, where some gradients are 0."""
    fix_random_seed(0)
    nlp = spacy.blank("en")
    backbone = {"@misc": "spacy_llama_ner.HuggingFaceBackbone.v1", "name": str(tiny_llama)}
    pipe = nlp.add_pipe(PIPE, config={"model": {"lora_rank": 4, "backbone": backbone, **request.param}})
    pipe.initialize(lambda: make_examples(nlp), labels=LABELS)
    with torch.no_grad():
        for weight in pipe.shim.network.parameters():
            if weight.requires_grad:
                weight.add_(torch.randn_like(weight) * 0.1)
    return nlp


def step(nlp, parts, *, max_grad_norm=0.0):
    """RETURNS (dict): The gradient that each parameter is stepped with after `update` on each part in turn."""
    pipe = nlp.get_pipe(PIPE)
    pipe.shim.running = replace(pipe.shim.running, max_grad_norm=max_grad_norm)
    examples, optimizer = make_examples(nlp), RecordingOptimizer()
    for part in parts:
        nlp.update(examples[part], sgd=False)  # as spaCy's training loop does
    pipe.finish_update(optimizer)
    return optimizer.gradients


@pytest.mark.parametrize(
    "parts", [(slice(0, 3), slice(3, 5)), (slice(0, 4), slice(4, 5))], ids=["partly missing", "all missing"]
)
def test_gradient_of_two_halves_is_that_of_the_whole_batch(nlp, parts):
    """Halves of 13 and 4 known words, or 17 and none; missing annotation in the second."""
    whole = step(nlp, [slice(0, 5)])
    halves = step(nlp, parts)
    trainable = {name for name, w in nlp.get_pipe(PIPE).shim.network.named_parameters() if w.requires_grad}
    assert halves.keys() == whole.keys() == trainable
    for name, gradient in whole.items():
        # Far above the tolerance, so that a gradient that got lost would show.
        assert np.abs(gradient).max() > 1e-3, name
        np.testing.assert_allclose(halves[name], gradient, rtol=0, atol=1e-5, err_msg=name)


def test_gradient_of_two_halves_is_not_the_mean_of_theirs(nlp):
    """What dividing by the words of each half would give is another gradient: the test above can fail."""
    whole = step(nlp, [slice(0, 5)])
    means = [step(nlp, [part]) for part in (slice(0, 3), slice(3, 5))]
    for name in ("head.weight", "head.bias"):
        assert np.abs((means[0][name] + means[1][name]) / 2 - whole[name]).max() > 1e-3


def test_gradient_is_clipped_once_for_both_halves(nlp):
    whole = step(nlp, [slice(0, 5)])
    clipped = step(nlp, [slice(0, 3), slice(3, 5)], max_grad_norm=0.01)
    norm = np.sqrt(sum(np.square(gradient).sum() for gradient in whole.values()))
    for name, gradient in whole.items():
        np.testing.assert_allclose(clipped[name], gradient * 0.01 / norm, rtol=1e-3, atol=1e-7, err_msg=name)
