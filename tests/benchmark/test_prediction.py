import pytest
import spacy
from typer.testing import CliRunner

from spacy_llama_ner.benchmark.prediction import first_words, forward
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
    forward(trunk, [[1, 2, 3], [4], [5, 6]], 4)
    assert sorted(seen) == [1, 2, 3]


def test_bench_prediction_says_what_trains_the_pipelines(tmp_path):
    result = CliRunner().invoke(app, ["bench", "prediction", str(tmp_path)])
    assert result.exit_code == 1
    assert "make bench-conll2003 CONLL=folder" in result.output
