"""Training that diverges ends with one clear error that names the step and the learning rate."""

import math

import pytest
import spacy
import torch
from spacy.cli.train import train
from spacy.training import Example
from spacy.util import fix_random_seed
from spacy_train import CONFIG, TEXTS, overrides, spacy_train, write_corpus

PIPE = "llama_crf_ner"
RATE = "training__optimizer__learn_rate__initial_rate"


def make_nlp(tiny_llama, *, dtype="float32"):
    """An initialized pipeline and its examples."""
    fix_random_seed(0)
    nlp = spacy.blank("en")
    backbone = {"@misc": "spacy_llama_ner.HuggingFaceBackbone.v1", "name": str(tiny_llama), "dtype": dtype}
    nlp.add_pipe(PIPE, config={"model": {"lora_rank": 4, "backbone": backbone}})
    examples = [Example.from_dict(nlp.make_doc(text), {"entities": entities}) for text, entities in TEXTS]
    return nlp, examples, nlp.initialize(lambda: examples)


def fill(nlp, name, value):
    with torch.no_grad():
        nlp.get_pipe(PIPE).shim.network.get_parameter(name).fill_(value)


def test_spacy_train_stops_at_the_step_whose_loss_is_not_finite(tiny_llama, tmp_path):
    """The rate is 0 in update 0 and far too high in update 1; nothing is evaluated before update 2 fails."""
    write_corpus(tmp_path / "corpus.spacy")
    values = overrides(
        tmp_path, tiny_llama, training__eval_frequency=100, training__max_steps=5, **{RATE: 1e8}
    )
    done = spacy_train(tmp_path / "out", values)
    assert done.returncode != 0
    last_line = done.stderr.strip().splitlines()[-1]
    assert last_line == (
        "ValueError: the network's scores became nan in update 2: training diverges. "
        "Lower the learning rate (it was 1e+08)"
    )
    # spaCy's loop saves what it has even then; the state of the last evaluation is in model-best.
    broken = spacy.load(tmp_path / "out" / "model-last")
    with pytest.raises(
        ValueError, match=r"scores became nan: these weights come from a training that diverged"
    ):
        broken(TEXTS[0][0])
    assert spacy.load(tmp_path / "out" / "model-best")(TEXTS[0][0]).has_annotation("ENT_IOB")


def test_spacy_train_names_the_step_whose_evaluation_fails(tiny_llama, tmp_path, capsys):
    write_corpus(tmp_path / "corpus.spacy")
    values = overrides(tmp_path, tiny_llama, training__eval_frequency=1, training__max_steps=5, **{RATE: 1e8})
    message = (
        r"scores became nan after update 1: training diverges. Lower the learning rate \(it was 1e\+08\)$"
    )
    with pytest.raises(ValueError, match=message):
        train(CONFIG, tmp_path / "out", overrides=values)
    assert spacy.load(tmp_path / "out" / "model-last").get_pipe(PIPE).labels == ("PER", "ORG", "LOC", "MISC")


@pytest.mark.parametrize(("value", "shown"), [(math.nan, "nan"), (math.inf, "inf"), (-1e27, r"1e\+27")])
def test_scores_that_the_crf_cannot_take_stop_training_with_the_step(tiny_llama, value, shown):
    """Finite ones of 1e30 used to end in advice on the annotation."""
    nlp, examples, optimizer = make_nlp(tiny_llama)
    nlp.update(examples, sgd=optimizer)
    fill(nlp, "head.bias", value)
    with pytest.raises(ValueError, match=rf"scores became {shown} in update 1: .*\(it was 0.001\)$"):
        nlp.update(examples, sgd=optimizer)
    with pytest.raises(ValueError, match=rf"scores became {shown} after update 0: .*\(it was 0.001\)$"):
        nlp.evaluate(examples)


def test_large_scores_that_the_crf_can_take_are_no_error(tiny_llama):
    nlp, examples, optimizer = make_nlp(tiny_llama)
    fill(nlp, "head.bias", 1e20)
    assert math.isfinite(nlp.update(examples, sgd=optimizer)[PIPE])
    assert nlp(TEXTS[0][0]).has_annotation("ENT_IOB")


def test_loss_that_is_not_finite_stops_training_with_the_step(tiny_llama):
    nlp, examples, _ = make_nlp(tiny_llama)
    fill(nlp, "crf.transitions", math.nan)
    with pytest.raises(ValueError, match=r"the loss became nan in update 0: .*Lower the learning rate$"):
        nlp.update(examples, sgd=False)


def test_broken_scores_of_a_narrow_backbone_name_its_dtype(tiny_llama):
    nlp, examples, _ = make_nlp(tiny_llama, dtype="float16")
    fill(nlp, "head.bias", math.nan)
    hint = 'or set backbone.dtype = "bfloat16", as float16 overflows early'
    with pytest.raises(ValueError, match=f"Lower the learning rate; {hint}"):
        nlp.update(examples, sgd=False)
    with pytest.raises(ValueError, match=f"train again with a lower learning rate; {hint}"):
        nlp(TEXTS[0][0])


def test_broken_scores_of_empty_docs_are_no_error(tiny_llama):
    nlp, _, _ = make_nlp(tiny_llama)
    assert [len(doc) for doc in nlp.pipe(["", ""])] == [0, 0]
