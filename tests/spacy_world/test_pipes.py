"""The pipeline in Python: what it says of itself, switched off and on, and drawn."""

import os
import re
import subprocess
import sys
from pathlib import Path

import spacy
from spacy import displacy
from spacy.language import Language

PIPE = "llama_crf_ner"
TEXT = "Anna Kovac visited Berlin on Monday."
FOUND = [("Anna Kovac", "PER"), ("Berlin", "LOC")]


def entities(doc):
    return [(ent.text, ent.label_) for ent in doc.ents]


def test_pipeline_loads_by_its_package_name_in_a_new_process(installed):
    code = (
        "import en_spacy_world, spacy\n"
        f"doc = spacy.load('en_spacy_world')({TEXT!r})\n"
        "print([(ent.text, ent.label_) for ent in doc.ents], all(0 < ent._.score <= 1 for ent in doc.ents))\n"
        f"print(en_spacy_world.load()({TEXT!r}).ents == doc.ents, en_spacy_world.__file__)\n"
    )
    path = os.pathsep.join([str(installed), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env={**os.environ, "PYTHONPATH": path},
        cwd=installed.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.splitlines()
    assert first == f"{FOUND} True"
    assert Path(second.split()[1]).is_relative_to(installed)
    assert done.stderr == ""


def test_analyze_pipes_names_what_the_component_assigns_and_finds_no_problem(shared):
    analysis = shared.analyze_pipes()
    assert analysis["problems"] == {PIPE: []}
    assert set(analysis["summary"][PIPE]["assigns"]) == {
        "doc.ents",
        "doc.spans",
        "token.ent_iob",
        "token.ent_type",
        "span._.score",
    }
    assert set(analysis["summary"][PIPE]["scores"]) == {"ents_f", "ents_p", "ents_r", "ents_per_type"}
    assert not analysis["summary"][PIPE]["retokenizes"]


def test_analyze_pipes_sees_the_entities_that_a_later_component_requires(nlp):
    @Language.component("needs_entities", requires=["doc.ents", "span._.score"])
    def needs_entities(doc):
        return doc

    nlp.add_pipe("needs_entities", first=True)
    assert nlp.analyze_pipes()["problems"]["needs_entities"] == ["doc.ents", "span._.score"]
    nlp.remove_pipe("needs_entities")
    nlp.add_pipe("needs_entities", last=True)
    assert nlp.analyze_pipes()["problems"]["needs_entities"] == []


def test_select_pipes_switches_the_component_off_and_on(shared):
    with shared.select_pipes(disable=[PIPE]):
        doc = shared(TEXT)
        assert (entities(doc), PIPE in doc.spans) == ([], False)
    assert entities(shared(TEXT)) == FOUND


def test_load_without_the_component_and_enable_it(pipeline):
    nlp = spacy.load(pipeline, disable=[PIPE])
    assert entities(nlp(TEXT)) == []
    nlp.enable_pipe(PIPE)
    assert entities(nlp(TEXT)) == FOUND
    assert spacy.load(pipeline, exclude=[PIPE]).component_names == []


def test_rename_pipe_moves_predictions_and_scores_along(nlp, tmp_path):
    nlp.rename_pipe(PIPE, "names")
    nlp.to_disk(tmp_path)
    for renamed in (nlp, spacy.load(tmp_path)):
        doc = renamed(TEXT)
        assert [span.text for span in doc.spans["names"]] == ["Anna Kovac", "Berlin"]
        assert all(0 < ent._.score <= 1 for ent in doc.ents)


def test_displacy_draws_each_entity_with_its_label(shared):
    html = displacy.render(shared(TEXT), style="ent", page=True, jupyter=False)
    drawn = re.findall(r"<mark[^>]*>\s*([^<]+?)\s*<span[^>]*>(\w+)</span>", html)
    assert drawn == FOUND


def test_displacy_draws_the_components_spans(shared):
    html = displacy.render(shared(TEXT), style="span", options={"spans_key": PIPE}, jupyter=False)
    assert re.findall(r">\s*(PER|LOC|ORG|MISC)\s*<", html) == ["PER", "LOC"]
