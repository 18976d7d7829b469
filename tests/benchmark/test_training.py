import json

import pytest
import torch
from tiny_models import TEXT
from transformers import AutoTokenizer
from typer.testing import CliRunner

from spacy_llama_ner.benchmark.training import measure_training, padding_of
from spacy_llama_ner.benchmark.training_sides import Recipe
from spacy_llama_ner.benchmark.training_trainer import IGNORED, Collator
from spacy_llama_ner.cli import app


class Trunk(torch.nn.Module):
    def forward(self, *, attention_mask):
        return attention_mask


def test_padding_of_is_the_share_that_is_masked():
    trunk = Trunk()
    mask = torch.tensor([[1, 1, 1, 1], [1, 0, 0, 0]])
    assert padding_of(trunk, lambda: trunk(attention_mask=mask)) == 3 / 8


def test_collator_labels_the_last_piece_of_a_word(tiny_llama):
    tokenizer = AutoTokenizer.from_pretrained(tiny_llama)
    tokenizer.pad_token = tokenizer.eos_token
    batch = Collator(tokenizer)([(["Northgate", " xyz"], [5, 6]), (["Anna"], [7])])
    pieces = tokenizer(["Northgate", " xyz"], is_split_into_words=True).word_ids()
    last = [
        place for place, word in enumerate(pieces) if word is not None and [*pieces, None][place + 1] != word
    ]
    assert [batch["labels"][0, place] for place in last] == [5, 6]
    assert (batch["labels"] != IGNORED).sum() == 3


def test_measure_training_refuses_no_sentences(tiny_llama, tmp_path):
    with pytest.raises(ValueError, match="got none"):
        measure_training(Recipe(str(tiny_llama), ["PER"]), [], rounds=1, top_layers=1, work=tmp_path)


def test_bench_training_reports_both_sides(tiny_llama, tmp_path):
    lines = [f"{word} {'B-PER' if word == 'Anna' else 'O'}\n" for word in TEXT[0].split()]
    corpus, output = tmp_path / "train.conll", tmp_path / "training.json"
    corpus.write_text("".join([*lines, "\n"] * 4), encoding="utf8")
    options = ["--backbone", str(tiny_llama), "--conll", str(corpus), "--batch-size", "2", "--rank", "4"]
    result = CliRunner().invoke(
        app, ["bench", "training", *options, "--top-layers", "1", "--rounds", "1", "-o", str(output)]
    )
    assert output.is_file(), result.output
    report = json.loads(output.read_text())
    assert report["figures"][0]["bar"] == 1.2
    assert [row[0] for row in report["tables"][0]["rows"]] == ["llama_crf_ner", "Trainer + peft"]
    assert [len(table["rows"]) for table in report["tables"]] == [2, 3]
    assert report["settings"]["words"] == 4 * len(lines)
