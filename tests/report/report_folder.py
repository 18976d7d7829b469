"""A folder of metrics, made by the functions behind the commands from invented sentences."""

import json

import spacy
from ruler import make_gold

from spacy_llama_ner.analysis.analyze import analyze
from spacy_llama_ner.calibration.reliability import measure_calibration
from spacy_llama_ner.evaluation.examples import predict
from spacy_llama_ner.evaluation.pipeline import evaluate_pipeline
from spacy_llama_ner.evaluation.seen import collect_names
from spacy_llama_ner.pipeline.scores import install_extension, store_scores

HOSTILE = "<script>document.title='gotcha'</script>"
GOLD = [
    ("Lisbon slept .", ["B-LOC", "O", "O"]),
    ("Norway beat Lisbon", ["B-ORG", "O", "B-LOC"]),  # found as LOC
    ("Ilse Vandermeer Junior left", ["B-PER", "I-PER", "I-PER", "O"]),  # found without the last word
    (f"{HOSTILE} froze .", ["B-LOC", "O", "O"]),  # missed
    ("Lisbon ferries", ["O", "O"]),  # spurious
]
SCORE = 0.75


def make_examples():
    """Make five errors of four classes, each predicted entity with the same score."""
    nlp = spacy.blank("en")
    ruler = nlp.add_pipe("entity_ruler")
    patterns = {"Lisbon": "LOC", "Norway": "LOC", "Ilse Vandermeer": "PER"}
    ruler.add_patterns([{"label": label, "pattern": text} for text, label in patterns.items()])
    examples, _ = predict(nlp, [make_gold(nlp, [sentence]) for sentence in GOLD])
    install_extension()
    for example in examples:
        ents = example.predicted.ents
        store_scores(example.predicted, "ruler", ents, [SCORE] * len(ents))
    return nlp, examples


def make_folder(folder, *, parts=("test", "errors", "calibration")):
    """Write the parts, and a training log beside them."""
    nlp, examples = make_examples()
    gold = [example.reference for example in examples]
    evaluation, _ = evaluate_pipeline(nlp, gold, batch_size=2)
    measured = {**measure_calibration(examples), "f1": 0.5}
    contents = {
        "test": {"model": "invented", "corpus": "invented.spacy", **evaluation},
        "errors": analyze(examples, names=collect_names(gold[:1])),
        "calibration": {"temperature": 1.5, "dev": {"before": measured, "after": measured}},
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name in parts:
        (folder / f"{name}.json").write_text(json.dumps(contents[name]), encoding="utf8")
    terms = {"loss": 3.0, "cross_entropy": 4.0, "crf": 2.0, "label_smoothing": 5.0}
    lines = [{"step": step, "llama_crf_ner": terms} for step in range(3)]
    lines.append({"step": 2, "seconds": 4, "score": 0.5, "scores": {"ents_f": 0.5}})
    (folder / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf8")
    return folder
