import pytest
import torch
from transformers import AutoModelForCausalLM

from spacy_llama_ner.pretraining.objective import IGNORED, MASKED_PIECES, Masking, NextPieceLoss
from tests.tiny_models import make_tiny_llama


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return AutoModelForCausalLM.from_pretrained(make_tiny_llama(tmp_path_factory.mktemp("llama"))).eval()


@pytest.fixture
def ids():
    return torch.randint(2, 300, (3, 12), generator=torch.Generator().manual_seed(1))


def test_next_piece_loss_equals_that_of_transformers(model, ids):
    loss = NextPieceLoss(model.model)(ids, ids, False)["loss"]
    assert loss.item() == pytest.approx(model(ids, labels=ids).loss.item(), abs=1e-5)


def test_next_piece_loss_counts_labelled_pieces_alone(model, ids):
    labels = torch.full_like(ids, IGNORED)
    labels[1, 5] = ids[1, 5]
    loss = NextPieceLoss(model.model)(ids, labels, False)["loss"]
    expected = -model(ids).logits[1, 4].log_softmax(-1)[ids[1, 5]]
    assert loss.item() == pytest.approx(expected.item(), abs=1e-5)


@pytest.mark.parametrize(("bidirectional", "moves"), [(True, True), (False, False)])
def test_next_piece_loss_sees_later_pieces_in_bidirectional_batches_alone(model, ids, bidirectional, moves):
    network = NextPieceLoss(model.model)
    labels = torch.full_like(ids, IGNORED)
    labels[:, 3] = ids[:, 3]
    changed = ids.clone()
    changed[:, 9] = (ids[:, 9] + 7) % 300
    first, second = (network(i, labels, bidirectional)["loss"].item() for i in (ids, changed))
    assert (first != second) is moves


def test_next_piece_loss_changes_kind_from_batch_to_batch(model, ids):
    network = NextPieceLoss(model.model)
    first = network(ids, ids, False)["loss"].item()
    assert network(ids, ids, True)["loss"].item() != first
    assert network(ids, ids, False)["loss"].item() == first


def test_masking_chooses_and_changes_the_shares_it_names():
    ids = torch.full((400, 100), 50)
    changed, labels = Masking(mask=3, vocab_size=320)(ids, torch.Generator().manual_seed(0))
    chosen = labels != IGNORED
    assert chosen[:, 1:].float().mean().item() == pytest.approx(MASKED_PIECES, abs=0.01)
    assert (labels[chosen] == 50).all()
    assert (changed[~chosen] == 50).all()
    assert (changed[chosen] == 3).float().mean().item() == pytest.approx(0.8, abs=0.02)
    other = (changed[chosen] != 3) & (changed[chosen] != 50)
    assert other.float().mean().item() == pytest.approx(0.1, abs=0.02)


def test_masking_leaves_the_first_piece_of_a_row(ids):
    for seed in range(30):
        changed, labels = Masking(mask=3, vocab_size=320)(ids, torch.Generator().manual_seed(seed))
        assert (labels[:, 0] == IGNORED).all()
        assert (changed[:, 0] == ids[:, 0]).all()


def test_next_piece_loss_is_zero_where_nothing_is_labelled(model, ids):
    assert NextPieceLoss(model.model)(ids, torch.full_like(ids, IGNORED), True)["loss"].item() == 0
