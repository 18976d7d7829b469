import pytest
import spacy
import torch
from half_learned import PIPE, make_docs, make_half_learned
from typer.testing import CliRunner

from spacy_llama_ner.benchmark.prediction import first_words, forward
from spacy_llama_ner.benchmark.prediction_stages import BACKBONE, CRF, STAGES, padding_share, time_stages
from spacy_llama_ner.cli import app
from spacy_llama_ner.network.backbone import load_trunk


@pytest.mark.parametrize(("words", "count"), [(1, 1), (3, 2), (100, 2)])
def test_first_words_takes_docs_until_there_are_enough(words, count):
    nlp = spacy.blank("en")
    assert len(first_words([nlp("Two words"), nlp("Two more")], words)) == count


def test_forward_reads_every_window(tiny_llama):
    trunk = load_trunk(str(tiny_llama))
    seen = []
    trunk.register_forward_pre_hook(
        lambda _, args, kwargs: seen.extend(kwargs["attention_mask"].sum(1).tolist()), with_kwargs=True
    )
    forward(trunk, [[1, 2, 3], [4], [5, 6]], torch.float32)
    assert sorted(seen) == [1, 2, 3]


def test_bench_prediction_says_what_trains_the_pipelines(tmp_path):
    result = CliRunner().invoke(app, ["bench", "prediction", str(tmp_path)])
    assert result.exit_code == 1
    assert "make bench-conll2003 CONLL=folder" in result.output


def test_time_stages_reads_as_pipe_does(tiny_llama, monkeypatch):
    nlp = make_half_learned(tiny_llama)
    texts = [doc.text for doc in make_docs(nlp, 5, seed=0)]
    expected = [[(ent.text, ent.label_) for ent in doc.ents] for doc in nlp.pipe(texts)]
    annotate, found = type(nlp.get_pipe(PIPE)).set_annotations, []

    def keep(self, docs, predictions):
        annotate(self, docs, predictions)
        found.extend([(ent.text, ent.label_) for ent in doc.ents] for doc in docs)

    monkeypatch.setattr(type(nlp.get_pipe(PIPE)), "set_annotations", keep)
    nlp.batch_size = 2
    seconds = time_stages(nlp, PIPE, texts)
    assert found == expected
    assert tuple(seconds) == STAGES
    assert seconds[BACKBONE] > 0
    assert seconds[CRF] > 0


def test_padding_share_is_what_the_backbone_reads_in_vain():
    assert padding_share([[7, 7], [5]], 100, torch.float32) == 0
    assert padding_share([[8, 6]], 100, torch.float32) == 2 / 16
    assert padding_share([[8], [6]], 100, torch.float32) == 0
