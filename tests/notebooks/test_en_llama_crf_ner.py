"""The notebook, executed as a reader would."""

import json
import re
import sys
from pathlib import Path

import nbformat
import pytest

from spacy_llama_ner.cli import app

NOTEBOOKS = Path(__file__).parent.parent.parent / "notebooks"
sys.path.insert(0, str(NOTEBOOKS))

from execute import NOTEBOOK, execute  # noqa: E402

# Asked of the kernel after the last cell, so that no test has to read a figure out of a table.
PROBE = """
import json, os, sys

print(json.dumps({
    "python": sys.executable,
    "folders": [str(ROOT), str(WORK), os.path.expanduser("~")],
    "cwd": os.getcwd(),
    "f1": evaluation["seqeval"]["f1"],
    "interval": evaluation["intervals"]["f1"],
    "entities": {ent.text: [ent.label_, ent._.score] for ent in doc.ents},
    "analysed": analysis["counts"],
    "errors": analysis["errors"],
    "temperature": [calibration["temperature"], nlp.get_pipe("llama_crf_ner").temperature],
}))
"""


@pytest.fixture(scope="module")
def executed():
    """The cells with their outputs, and what the probe found."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    notebook.cells.append(nbformat.v4.new_code_cell(PROBE))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")
        patch.setenv("TOKENIZERS_PARALLELISM", "false")
        execute(notebook, folder=NOTEBOOKS)
    *cells, probe = notebook.cells
    return cells, json.loads(probe.outputs[0].text)


def test_notebook_runs_in_this_environment(executed):
    _, found = executed
    assert found["python"] == sys.executable


def test_notebook_learns_to_find_entities(executed):
    _, found = executed
    low, high = found["interval"]
    assert 0.45 < low < found["f1"] < high
    assert found["entities"]["European Commission"][0] == "ORG"
    assert all(0 < score < 1 for _, score in found["entities"].values())


def test_notebook_classes_every_error(executed):
    _, found = executed
    counts, errors = found["analysed"], dict(found["errors"])
    spurious = errors.pop("spurious")
    assert counts["gold"] == counts["correct"] + sum(errors.values())
    assert counts["predicted"] == counts["correct"] + sum(errors.values()) - errors["missed"] + spurious


def test_notebook_calibrates_the_pipeline_it_shows(executed):
    _, found = executed
    fitted, set_in_pipeline = found["temperature"]
    assert fitted == set_in_pipeline != 1.0


def test_notebook_leaves_no_file_and_no_path(executed):
    cells, found = executed
    outputs = json.dumps([cell.get("outputs", []) for cell in cells])
    assert found["cwd"] == str(NOTEBOOKS)
    assert not [folder for folder in found["folders"] if folder in outputs]
    assert not Path(found["folders"][1]).exists()


def test_notebook_warns_of_nothing(executed):
    cells, _ = executed
    assert not [
        output.text for cell in cells for output in cell.get("outputs", []) if output.get("name") == "stderr"
    ]


def test_notebook_is_kept_with_the_outputs_of_one_run():
    cells = [cell for cell in nbformat.read(NOTEBOOK, as_version=4).cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))


def test_notebook_names_commands_that_exist():
    cells = [cell for cell in nbformat.read(NOTEBOOK, as_version=4).cells if cell.cell_type == "markdown"]
    named = {name for cell in cells for name in re.findall(r"-m spacy_llama_ner ([\w-]+)", cell.source)}
    assert named
    assert named <= {command.name for command in app.registered_commands}
