import pytest
from ruler import make_gold, make_ruler, save_corpus, save_ruler

from spacy_llama_ner.release.errors import ReleaseError
from spacy_llama_ner.release.trial import try_pipeline


@pytest.fixture(scope="module")
def ruler(tmp_path_factory):
    """The folder of a pipeline that needs no network."""
    return save_ruler(tmp_path_factory.mktemp("ruler") / "nlp")


def test_try_pipeline_on_texts(ruler):
    result = try_pipeline(ruler, ["Ilse Vandermeer left Norway.", "Nobody."])
    assert result["entities"] == [
        [
            {"start": 0, "end": 15, "text": "Ilse Vandermeer", "label": "PER", "score": None},
            {"start": 21, "end": 27, "text": "Norway", "label": "LOC", "score": None},
        ],
        [],
    ]
    assert (result["words"], result["f1"]) == (7, None)
    assert result["load_seconds"] > 0 < result["predict_seconds"]
    assert result["peak_bytes"] is None or result["peak_bytes"] > 10e6


def test_try_pipeline_on_a_corpus_reads_its_tokens_and_scores(ruler, tmp_path):
    # "Norway's" is one token here; the pipeline's own tokenizer would find Norway in it.
    gold = make_gold(make_ruler(), [("Lisbon saw Norway's team", ["B-LOC", "O", "B-LOC", "O"])])
    result = try_pipeline(ruler, save_corpus(tmp_path / "dev.spacy", [gold]))
    assert [ent["text"] for ent in result["entities"][0]] == ["Lisbon"]
    assert result["f1"] == pytest.approx(2 / 3)
    assert result["words"] == 4


def test_try_pipeline_that_does_not_load(tmp_path):
    (tmp_path / "nlp").mkdir()
    with pytest.raises(ReleaseError, match=r"(?s)The pipeline in .*nlp does not run:.*meta\.json"):
        try_pipeline(tmp_path / "nlp", ["A text."])
