import io
import json

import pytest
import spacy

from spacy_llama_ner.pipeline.logger import json_lines_logger

STEP_KEYS = {"loss", "cross_entropy", "crf", "label_smoothing", "words", "grad_norm", "learn_rate"}


@pytest.fixture
def run(config, examples, tmp_path):
    """Run the logger as spaCy's loop does: two steps, the first one evaluated."""

    def run():
        nlp = spacy.blank("en")
        nlp.add_pipe("llama_crf_ner", config=config)
        egs = examples(nlp)
        optimizer = nlp.initialize(lambda: egs)
        nlp.config["training"].update(max_steps=2, eval_frequency=2, score_weights={"ents_f": 1.0})
        out = io.StringIO()
        log_step, finish = json_lines_logger(str(tmp_path / "new" / "log.jsonl"))(nlp, out, io.StringIO())
        for step in range(2):
            losses = nlp.update(egs, sgd=optimizer)
            info = {"step": 0, "epoch": 0, "score": 0.5, "seconds": 1, "words": 20, "losses": losses}
            log_step({**info, "other_scores": {"ents_f": 0.5, "ents_per_type": None}} if step == 0 else None)
        finish()
        lines = (tmp_path / "new" / "log.jsonl").read_text().splitlines()
        return [json.loads(line) for line in lines], out.getvalue()

    return run


def test_logger_writes_every_term_of_every_step(run):
    lines, _ = run()
    steps = [line for line in lines if "llama_crf_ner" in line]
    assert [line["step"] for line in steps] == [0, 1]
    assert all(line["llama_crf_ner"].keys() == STEP_KEYS for line in steps)


def test_logger_writes_the_weighted_sum_of_the_terms_as_loss(run):
    terms = run()[0][0]["llama_crf_ner"]
    expected = 0.5 * terms["cross_entropy"] + 0.3 * terms["crf"] + 0.2 * terms["label_smoothing"]
    assert terms["loss"] == pytest.approx(expected, rel=1e-5)


def test_logger_writes_the_scores_of_an_evaluation(run):
    (evaluation,) = [line for line in run()[0] if "scores" in line]
    assert evaluation["scores"] == {"ents_f": 0.5}
    assert evaluation["epoch"] == 0


def test_logger_shows_spacys_table(run):
    table = run()[1]
    assert "LOSS LLAMA..." in table
    assert "50.00" in table


def test_logger_replaces_the_file_of_an_earlier_run(run):
    first, _ = run()
    second, _ = run()
    assert len(second) == len(first) == 3


def test_logger_reports_the_peak_of_memory(run):
    lines, table = run()
    (evaluation,) = [line for line in lines if "scores" in line]
    assert 50 < evaluation["peak_memory"]["ram"] < 1e6  # megabytes
    assert "Peak memory: " in table.splitlines()[-1]
    assert " GB RAM" in table.splitlines()[-1]
