import os
from dataclasses import replace

import numpy as np
import pytest
import spacy
import torch
from spacy.util import fix_random_seed
from thinc.api import SGD, Adam

PIPE = "llama_crf_ner"


@pytest.fixture
def shim(trained):
    return trained.get_pipe(PIPE).shim


def gradients(shim):
    return {name: w.grad.clone() for name, w in shim.network.named_parameters() if w.grad is not None}


def weights(shim):
    return {name: w.detach().clone() for name, w in shim.network.named_parameters()}


def test_two_parts_of_a_batch_step_like_the_whole(trained, examples, trained_template, config):
    """Parts of different sizes, in the mean over known words."""
    stepped = []
    for parts in ([slice(0, 4)], [slice(0, 1), slice(1, 4)]):
        nlp = spacy.blank("en")
        nlp.add_pipe(PIPE, config=config)
        nlp.from_bytes(trained_template)
        train = examples(nlp)
        for part in parts:
            nlp.update(train[part], sgd=False)
        nlp.get_pipe(PIPE).finish_update(SGD(0.1, L2=0.0, grad_clip=0.0))
        stepped.append(weights(nlp.get_pipe(PIPE).shim))
    for name in stepped[0]:
        torch.testing.assert_close(stepped[0][name], stepped[1][name], atol=1e-5, rtol=1e-4)


def test_finish_update_steps_by_the_mean_gradient(trained, examples, shim):
    shim.running = replace(shim.running, max_grad_norm=0)
    trained.update(examples(trained), sgd=False)
    known = shim._known
    assert known == sum(len(eg.reference) for eg in examples(trained))
    before, gradient = weights(shim), gradients(shim)
    shim.finish_update(SGD(0.1, L2=0.0, grad_clip=0.0))
    for name, slope in gradient.items():
        torch.testing.assert_close(weights(shim)[name], before[name] - 0.1 * slope / known)


def test_finish_update_clears_gradients(trained, examples, shim):
    trained.update(examples(trained), sgd=False)
    shim.finish_update(Adam(0.001))
    assert gradients(shim) == {}
    assert shim._known == 0


def test_finish_update_scales_a_large_gradient_down_to_the_norm(trained, examples, shim):
    shim.running = replace(shim.running, max_grad_norm=1e-3)
    before = weights(shim)
    trained.update(examples(trained), sgd=False)
    shim.finish_update(SGD(1.0, L2=0.0, grad_clip=0.0))
    moved = torch.cat([(weights(shim)[name] - before[name]).flatten() for name in before]).norm()
    assert float(moved) == pytest.approx(1e-3, rel=1e-2)


def test_finish_update_decays_matrices_only(trained, examples, shim):
    before = weights(shim)
    trained.update(examples(trained), sgd=False)
    for _, weight in shim.network.named_parameters():
        if weight.grad is not None:
            weight.grad.zero_()
    optimizer = SGD(0.1, L2=0.5, grad_clip=0.0)
    shim.finish_update(optimizer)
    after = weights(shim)
    torch.testing.assert_close(after["head.weight"], before["head.weight"] * 0.95)
    for name in ("head.bias", "crf.transitions", "crf.start_transitions"):
        assert torch.equal(after[name], before[name])
    assert optimizer.L2 == 0.5


def test_finish_update_scales_the_learning_rate_of_head_and_crf(trained, examples, shim):
    shim.running = replace(shim.running, max_grad_norm=0, head_learn_rate_scale=5.0)
    trained.update(examples(trained), sgd=False)
    known, before, gradient = shim._known, weights(shim), gradients(shim)
    shim.finish_update(SGD(0.1, L2=0.0, grad_clip=0.0))
    for name, slope in gradient.items():
        rate = 0.5 if name.startswith(("head.", "crf.")) else 0.1
        torch.testing.assert_close(weights(shim)[name], before[name] - rate * slope / known)


def test_finish_update_without_update_does_nothing(shim):
    before = weights(shim)
    shim.finish_update(Adam(0.1))
    assert all(torch.equal(weight, before[name]) for name, weight in weights(shim).items())


def test_loss_that_is_not_finite_stops_with_the_step(trained, examples, shim):
    with torch.no_grad():
        shim.network.head.bias.fill_(float("nan"))
    with pytest.raises(ValueError, match="scores became nan in update 0: training diverges"):
        trained.update(examples(trained), sgd=False)


def test_gradient_that_is_not_finite_stops_with_the_step(trained, examples, shim):
    trained.update(examples(trained), sgd=False)
    shim.network.head.bias.grad.fill_(float("inf"))
    with pytest.raises(ValueError, match="the gradient became inf in update 0"):
        shim.finish_update(Adam(0.1))


def test_empty_shim_says_what_to_do(config):
    nlp = spacy.blank("en")
    with pytest.raises(ValueError, match=r"no weights yet: call initialize\(\)"):
        _ = nlp.add_pipe(PIPE, config=config).shim.network


def test_dropout_obeys_drop(trained, examples, shim):
    losses = [
        [trained.update(examples(trained), sgd=False, drop=drop)[PIPE] for _ in range(2)]
        for drop in (0.0, 0.5)
    ]
    assert losses[0][0] == losses[0][1]
    assert losses[1][0] != losses[1][1]
    assert losses[1][0] > losses[0][0]


def test_the_same_seed_gives_the_same_weights(config, examples):
    runs = []
    for _ in range(2):
        fix_random_seed(7)
        nlp = spacy.blank("en")
        nlp.add_pipe(PIPE, config=config)
        optimizer = nlp.initialize(lambda nlp=nlp: examples(nlp))
        for _ in range(3):
            nlp.update(examples(nlp), sgd=optimizer, drop=0.2)
        runs.append(weights(nlp.get_pipe(PIPE).shim))
    assert all(torch.equal(runs[0][name], runs[1][name]) for name in runs[0])


def test_frozen_backbone_does_not_move(trained, examples, shim):
    before = weights(shim)
    optimizer = trained.resume_training()
    trained.update(examples(trained), sgd=optimizer)
    moved = {name for name, weight in weights(shim).items() if not torch.equal(weight, before[name])}
    assert moved
    assert all("lora_" in name or name.startswith(("head.", "crf.")) for name in moved)


def test_unfrozen_backbone_moves(config, examples):
    config["model"].update(freeze_backbone=False, peft=None)
    nlp = spacy.blank("en")
    nlp.add_pipe(PIPE, config=config)
    optimizer = nlp.initialize(lambda: examples(nlp))
    shim = nlp.get_pipe(PIPE).shim
    before = weights(shim)
    nlp.update(examples(nlp), sgd=optimizer)
    moved = {name for name, weight in weights(shim).items() if not torch.equal(weight, before[name])}
    assert {"backbone.layers.0.mlp.up_proj.weight", "head.weight", "crf.transitions"} <= moved


def test_forked_children_predict_after_the_parent_used_two_threads(trained):
    texts = ["Anna Kovac visited Berlin on Monday."] * 6
    torch.set_num_threads(2)
    try:
        alone = [[(ent.text, ent._.score) for ent in doc.ents] for doc in trained.pipe(texts)]
        forked = [
            [(ent.text, ent._.score) for ent in doc.ents]
            for doc in trained.pipe(texts, n_process=2, batch_size=2)
        ]
    finally:
        torch.set_num_threads(1)
    assert [[text for text, _ in doc] for doc in forked] == [["Anna Kovac", "Berlin"]] * 6
    np.testing.assert_allclose(
        [s for doc in forked for _, s in doc], [s for doc in alone for _, s in doc], atol=1e-5
    )


def test_training_through_the_thinc_model_is_refused(trained):
    _, backprop = trained.get_pipe(PIPE).model.begin_update([trained.make_doc("Anna")])
    with pytest.raises(NotImplementedError, match="through its component's update"):
        backprop([])


def test_finish_update_scales_the_learning_rate_of_unfrozen_layers(config, examples):
    config["model"] |= {"unfreeze_layers": 1, "backbone_learn_rate_scale": 0.2, "max_grad_norm": 0.0}
    nlp = spacy.blank("en")
    nlp.add_pipe(PIPE, config=config)
    nlp.initialize(lambda: examples(nlp))
    shim = nlp.get_pipe(PIPE).shim
    nlp.update(examples(nlp), sgd=False)
    known, before, gradient = shim._known, weights(shim), gradients(shim)
    shim.finish_update(SGD(0.1, L2=0.0, grad_clip=0.0))
    scales = set()
    for name, slope in gradient.items():
        own = not name.startswith(("head.", "crf.")) and ".lora_" not in name
        scales.add(rate := 0.02 if own else 0.1)
        torch.testing.assert_close(weights(shim)[name], before[name] - rate * slope / known)
    assert scales == {0.02, 0.1}


def test_gradual_unfreezing_lets_a_layer_join_after_so_many_steps(config, examples):
    config["model"] |= {"freeze_backbone": False, "peft": None, "gradual_unfreezing_steps": 2}
    nlp = spacy.blank("en")
    nlp.add_pipe(PIPE, config=config)
    optimizer = nlp.initialize(lambda: examples(nlp))
    shim = nlp.get_pipe(PIPE).shim
    moved = []
    for _ in range(5):
        before = weights(shim)
        nlp.update(examples(nlp), sgd=optimizer)
        after = weights(shim)
        parts = ("layers.1.", "layers.0.", "embed")
        changed = [name for name in before if not torch.equal(before[name], after[name])]
        moved.append([part for part in parts if any(part in name for name in changed)])
    last, both = ["layers.1."], ["layers.1.", "layers.0."]
    assert moved == [last, last, both, both, [*both, "embed"]]


def test_predict_on_a_gpu_in_a_forked_process_is_one_clear_error(trained, shim, monkeypatch):
    # There may be no GPU here, and CUDA could not be used after a fork: the check looks at the device's type alone.
    monkeypatch.setattr(type(shim.network), "device", torch.device("cuda"))
    monkeypatch.setattr(shim, "_process", os.getpid() - 1)
    with pytest.raises(ValueError, match=r"n_process is above 1.*on a GPU .cuda.*n_process=1"):
        trained("Anna Kovac visited Berlin.")


def test_gradient_checkpointing_is_set_on_the_backbone(config, examples):
    config["model"]["gradient_checkpointing"] = True
    nlp = spacy.blank("en")
    nlp.add_pipe(PIPE, config=config)
    optimizer = nlp.initialize(lambda: examples(nlp))
    trunk = nlp.get_pipe(PIPE).shim.network.trunk
    assert trunk.is_gradient_checkpointing
    nlp.update(examples(nlp), sgd=optimizer, drop=0.1)
    assert not any(module.training for module in trunk.modules())
