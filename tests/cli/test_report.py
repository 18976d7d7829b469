"""The command `report`."""

import json


def write_evaluation(folder):
    scores = {"precision": 0.5, "recall": 0.5, "f1": 0.5}
    counts = {"gold": 2, "predicted": 2}
    evaluation = {
        "model": "invented",
        "corpus": "invented.spacy",
        "counts": {"docs": 1, "sentences": 1, "tokens": 9, "gold_entities": 2, "predicted_entities": 2},
        "seqeval": {"accuracy": 0.9, **scores, "per_label": {"LOC": {**scores, **counts}}},
        "spacy": {"ents_p": 0.5, "ents_r": 0.5, "ents_f": 0.5},
        "conlleval": {**scores, **counts},
        "differences": ["None."],
        "intervals": None,
        "raw_text": scores,
        "words_per_second": 100.0,
    }
    folder.mkdir(exist_ok=True)
    (folder / "test.json").write_text(json.dumps(evaluation), encoding="utf8")


def test_report_writes_a_page_and_says_what_is_missing(run, tmp_path):
    write_evaluation(tmp_path / "metrics")
    done = run("report", tmp_path / "metrics", "--title", "Rivers & towns")
    assert done.exit_code == 0, done.output
    assert "Rivers &amp; towns" in (tmp_path / "metrics" / "report.html").read_text(encoding="utf8")
    for command in ("analyze", "calibrate", "compare", "ablate"):
        assert f"python -m spacy_llama_ner {command}" in " ".join(done.output.split())


def test_report_output_goes_where_it_is_told(run, tmp_path):
    write_evaluation(tmp_path / "metrics")
    done = run("report", tmp_path / "metrics", "--output", tmp_path / "new" / "page.html")
    assert done.exit_code == 0, done.output
    assert (tmp_path / "new" / "page.html").is_file()
    assert not (tmp_path / "metrics" / "report.html").exists()


def test_report_without_an_evaluation_is_one_message(run, tmp_path):
    done = run("report", tmp_path)
    assert done.exit_code == 1
    assert "Report failed" in done.output
    assert "python -m spacy_llama_ner evaluate" in done.output
    assert "Traceback" not in done.output
