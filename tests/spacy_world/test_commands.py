"""spaCy's commands on a trained and on an installed pipeline: what they print and what they write."""

import re

import pytest
import spacy
import srsly
from spacy.cli._util import app
from spacy.tokens import DocBin, Span
from spacy.training import Corpus
from spacy.util import load_config
from spacy.vocab import Vocab
from thinc.api import Config
from typer.testing import CliRunner

from spacy_llama_ner.pipeline.factory import DEFAULT_CONFIG

PIPE = "llama_crf_ner"
TEXT = "Anna Kovac visited Berlin on Monday."
FOUND = [("Anna Kovac", "PER"), ("Berlin", "LOC")]


def spacy_command(*arguments, exit_code=0):
    """Run a command of `spacy` in this process; RETURNS (str): what it printed."""
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if done.exit_code != exit_code:
        raise AssertionError(done.output) from done.exception
    return re.sub(r"\x1b\[[\d;]*m", "", done.output)  # without colours


def entities(doc):
    return [(ent.text, ent.label_) for ent in doc.ents]


@pytest.fixture
def harder(corpus, tmp_path):
    """The corpus with one more entity, which the pipeline has not learned: 6 of 7 are found."""
    vocab = Vocab()
    docs = list(DocBin().from_disk(corpus).get_docs(vocab))
    docs[-1].set_ents([Span(docs[-1], 0, 1, "MISC")])
    path = tmp_path / "harder.spacy"
    DocBin(docs=docs).to_disk(path)
    return path


@pytest.mark.parametrize("command", [["evaluate"], ["benchmark", "accuracy"]])
def test_evaluate_writes_the_scores_of_nlp_evaluate(pipeline, shared, harder, tmp_path, command):
    output = spacy_command(*command, pipeline, harder, "--output", tmp_path / "metrics.json")
    metrics = srsly.read_json(tmp_path / "metrics.json")
    expected = shared.evaluate(list(Corpus(harder)(shared)))
    for name in ("ents_p", "ents_r", "ents_f"):
        assert metrics[name] == pytest.approx(expected[name])
    assert (metrics["ents_p"], metrics["ents_r"]) == (1.0, pytest.approx(6 / 7))
    assert metrics["ents_per_type"].keys() == {"PER", "ORG", "LOC", "MISC"}
    for label, scores in metrics["ents_per_type"].items():
        assert scores == pytest.approx(expected["ents_per_type"][label])
    assert re.search(r"NER R +85\.71", output)


@pytest.mark.parametrize("processes", [1, 2])
def test_apply_writes_entities_and_scores(pipeline, shared, tmp_path, processes):
    texts = [TEXT, "It rained."]
    srsly.write_jsonl(tmp_path / "texts.jsonl", [{"text": text} for text in texts])
    spacy_command("apply", pipeline, tmp_path / "texts.jsonl", tmp_path / "out.spacy", "-n", processes)
    docs = list(DocBin().from_disk(tmp_path / "out.spacy").get_docs(shared.vocab))
    assert [entities(doc) for doc in docs] == [FOUND, []]
    scores = [ent._.score for ent in docs[0].ents]
    assert scores == pytest.approx([ent._.score for ent in shared(TEXT).ents], abs=1e-5)


def test_benchmark_speed_prints_words_per_second(pipeline, corpus):
    output = spacy_command("benchmark", "speed", pipeline, corpus, "--batches", 30, "--warmup", 0, "-b", 2)
    assert float(re.search(r"Mean: ([\d.]+) words/s", output).group(1)) > 0


def test_info_shows_the_labels(pipeline):
    output = spacy_command(
        "info", pipeline, "--markdown", "--exclude", "url"
    )  # it leaves labels out by itself
    assert "{'llama_crf_ner': ['LOC', 'MISC', 'ORG', 'PER']}" in output


def test_info_shows_what_the_installed_package_requires(installed):
    output = spacy_command("info", "en_spacy_world")
    assert "spacy-llama-ner" in output
    assert str(installed) in output


def config_of(nlp):
    return nlp.path / "config.cfg"


def test_debug_data_accepts_the_pipelines_own_config(shared, write_corpus, tmp_path):
    corpus = write_corpus(
        tmp_path / "hundred.spacy", copies=25
    )  # below 100 docs it fails, as for any component
    output = spacy_command(
        "debug", "data", config_of(shared), "--paths.train", corpus, "--paths.dev", corpus, "--verbose"
    )
    assert "Pipeline can be initialized with data" in output
    assert "Training pipeline: llama_crf_ner" in output
    assert "100 training docs" in output


def test_debug_config_accepts_the_pipelines_own_config(shared, corpus):
    output = spacy_command(
        "debug",
        "config",
        config_of(shared),
        "--paths.train",
        corpus,
        "--paths.dev",
        corpus,
        "--show-functions",
    )
    assert "Config is valid" in output
    for name in ("LlamaCrfTagger", "HuggingFaceBackbone", "CompoundLoss"):
        assert f"spacy_llama_ner.{name}.v1" in output


def test_debug_config_names_an_unknown_setting(shared, corpus):
    paths = ["--paths.train", corpus, "--paths.dev", corpus]
    setting = [f"--components.{PIPE}.overwrit", "true"]
    output = spacy_command("debug", "config", config_of(shared), *paths, *setting, exit_code=1)
    assert "Config error for 'llama_crf_ner'" in output
    assert "unexpected argument: 'overwrit'" in output


def test_fill_config_leaves_the_pipelines_own_config_as_it_is(shared, tmp_path):
    spacy_command("init", "fill-config", config_of(shared), tmp_path / "filled.cfg")
    assert load_config(tmp_path / "filled.cfg") == load_config(config_of(shared))


def test_fill_config_completes_a_block_of_the_factory_alone(tmp_path):
    short = {"nlp": {"lang": "en", "pipeline": [PIPE]}, "components": {PIPE: {"factory": PIPE}}}
    Config(short).to_disk(tmp_path / "short.cfg")
    spacy_command("init", "fill-config", tmp_path / "short.cfg", tmp_path / "filled.cfg")
    filled = load_config(tmp_path / "filled.cfg")["components"][PIPE]
    assert filled == {"factory": PIPE, **DEFAULT_CONFIG[PIPE]}


def test_init_labels_writes_what_training_reads(shared, corpus, tmp_path, train):
    paths = ["--paths.train", corpus, "--paths.dev", corpus]
    spacy_command("init", "labels", config_of(shared), tmp_path / "labels", *paths)
    file = tmp_path / "labels" / f"{PIPE}.json"
    assert srsly.read_json(file) == ["LOC", "MISC", "ORG", "PER"]
    srsly.write_json(file, ["PER", "ORG", "LOC", "MISC"])  # an order that is not the sorted one
    labels = {"@readers": "spacy.read_labels.v1", "path": str(file)}
    config = load_config(config_of(shared))["components"]
    model = train(config, {"training.max_steps": 1}, {PIPE: {"labels": labels}})
    assert spacy.load(model).get_pipe(PIPE).labels == ("PER", "ORG", "LOC", "MISC")
