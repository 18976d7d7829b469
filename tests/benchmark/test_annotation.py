import json

import pytest
import spacy
from ruler import save_ruler
from spacy.tokens import DocBin
from typer.testing import CliRunner

from spacy_llama_ner.annotation.journal import Counts
from spacy_llama_ner.benchmark.annotation import Watch, repeat
from spacy_llama_ner.cli import app


def test_repeat_tells_repetitions_apart():
    assert repeat(["To Lisbon\nby train", " "], words=9) == ["0 To Lisbon by train", "1 To Lisbon by train"]


def test_repeat_refuses_texts_without_words():
    with pytest.raises(ValueError, match="got none with a word"):
        repeat([" ", ""], words=1)


def test_watch_counts_from_the_first_batch(monkeypatch):
    times = iter([0.0, 20.0, 21.0, 24.0])
    monkeypatch.setattr("time.perf_counter", lambda: next(times))
    watch = Watch()
    watch.started = next(times)
    for words in (100, 150, 300):
        watch.see(Counts(words=words))
    assert watch.words_per_second == 200 / 4


@pytest.mark.slow
def test_bench_annotate_writes_the_same_with_each_engine(tmp_path):
    pytest.importorskip("ray.data", reason="Ray is not installed: pip install 'spacy-llama-ner[ray]'")
    model, corpus, output = (
        save_ruler(tmp_path / "model"),
        tmp_path / "corpus.spacy",
        tmp_path / "annotate.json",
    )
    doc = spacy.blank("en")("Ilse Vandermeer flew to Lisbon.")
    doc.set_ents([], default="outside")
    DocBin(docs=[doc]).to_disk(corpus)
    command = ["bench", "annotate", str(model), "--corpus", str(corpus), "--words", "400", "--rounds", "1"]
    result = CliRunner().invoke(app, [*command, "-o", str(output)])
    assert output.is_file(), result.output
    _, outputs = json.loads(output.read_text())["figures"]
    assert outputs["value"] == 1
