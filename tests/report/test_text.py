"""The project's report in Markdown."""

import json
import re
import shlex
from pathlib import Path

import pytest
import srsly
import typer
from report_folder import make_folder
from typer.testing import CliRunner

import spacy_llama_ner.report
from spacy_llama_ner.calibration.reliability import measure_calibration
from spacy_llama_ner.cli import app
from spacy_llama_ner.report.runs import condense
from spacy_llama_ner.report.text import TEMPLATE, render_text

ROOT = Path(__file__).parent.parent.parent
METRICS = ROOT / "docs" / "metrics"
# What the template may call by its name. Commands are checked by themselves.
NAMES = ("CoNLL-2003", "Llama-3.2-1B", "F1")


def read_template():
    folder = Path(spacy_llama_ner.report.__file__).parent / "templates"
    return (folder / TEMPLATE).read_text(encoding="utf8")


def commands():
    blocks = re.findall(
        r"```bash\n(.*?)```|{% call [^%]*%}\n(.*?){% endcall %}", read_template(), flags=re.DOTALL
    )
    lines = [line for block in blocks for line in "\n".join(block).splitlines()]
    return sorted({line for line in lines if line.startswith("python ")})


def write_run(folder, source, **sizes):
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in condense(source, **sizes).items():
        (folder / name).write_text(content, encoding="utf8")


@pytest.fixture(scope="module")
def measured(metrics, tmp_path_factory):
    """Every run, with the figures of an invented evaluation."""
    folder = tmp_path_factory.mktemp("runs")
    write_run(folder / "mini", metrics, examples=1, log=metrics / "log.jsonl")
    write_run(folder / "conll2003-dev", metrics, examples=0)
    write_run(folder / "llama-3.2-1b", metrics, examples=0)
    return folder


def test_report_is_that_of_the_figures():
    """If this fails: python -m spacy_llama_ner report docs/metrics/mini --text docs/report.md."""
    written = (ROOT / "docs" / "report.md").read_text(encoding="utf8")
    assert written == render_text(METRICS / "mini", project=ROOT)


def test_template_holds_no_figure():
    text = read_template()
    text = re.sub(r"{% call .*?{% endcall %}|```bash.*?```|{#.*?#}", "", text, flags=re.DOTALL)
    expressions = re.findall(r"{{.*?}}|{%.*?%}", text, flags=re.DOTALL)
    prose = re.sub(r"{{.*?}}|{%.*?%}", "", text, flags=re.DOTALL)
    quoted = [string for expression in expressions for string in re.findall(r'"([^"]*)"', expression)]
    sayings = [string for string in quoted if " " in string]
    for part in [prose, *sayings]:
        for name in NAMES:
            part = part.replace(name, "")
        assert not re.findall(r".{,30}\d.{,30}", part)


def test_template_sets_no_threshold():
    expressions = re.findall(r"{{.*?}}|{%.*?%}", read_template(), flags=re.DOTALL)
    bare = [re.sub(r'"[^"]*"', "", expression) for expression in expressions]
    assert not [expression for expression in bare if re.search(r"\d\.\d", expression)]


@pytest.mark.parametrize("line", [line for line in commands() if "spacy_llama_ner" in line])
def test_command_of_the_report_exists(line):
    _, _, _, name, *arguments = shlex.split(line)
    command = typer.main.get_command(app).commands[name]
    known = {option for parameter in command.params for option in parameter.opts}
    assert {argument for argument in arguments if argument.startswith("--")} <= known


@pytest.mark.parametrize("line", [line for line in commands() if "spacy project" in line])
def test_project_command_of_the_report_exists(line):
    project = srsly.read_yaml(ROOT / "project.yml")
    known = {command["name"] for command in project["commands"]} | set(project["workflows"])
    assert shlex.split(line)[5] in known


def test_figures_name_no_absolute_path():
    for path in METRICS.rglob("*.json*"):
        assert not re.findall(r'"/[^"]*"', path.read_text(encoding="utf8")), path


def test_figures_of_licensed_text_quote_nothing():
    for path in METRICS.rglob("errors.json"):
        errors = json.loads(path.read_text(encoding="utf8"))
        assert "items" not in errors, path
        if path.parent.name != "mini":
            assert not any(confusion["examples"] for confusion in errors["confusions"]), path


def test_report_shows_every_run(measured):
    text = render_text(measured / "mini", project=ROOT)
    assert "it reaches F1 40.0 on invented.spacy" in text  # Llama-3.2-1B
    assert "On invented.spacy, `invented` reaches F1 40.0" in text
    assert "has not been trained here" not in text
    assert text.count("**Not measured here:**") == 3  # the ablation, other systems, BERT and prompting


def test_report_of_an_evaluation_alone_says_what_is_missing(tmp_path):
    make_folder(tmp_path / "mini", parts=("test",))
    text = render_text(tmp_path / "mini", project=ROOT)
    assert "has not been trained here: it needs a GPU" in text
    assert "python -m spacy project run calibrate ." in text
    assert "python -m spacy project run analyze ." in text
    assert text.count("**Not measured here:**") == 7


def test_report_chooses_sentences_by_figures(measured, tmp_path):
    write_run(tmp_path / "mini", measured / "mini", examples=1, log=measured / "mini" / "log.jsonl")
    path = tmp_path / "mini" / "calibration.json"
    calibration = json.loads(path.read_text(encoding="utf8"))
    assert "too sure of itself" in render_text(tmp_path / "mini", project=ROOT)
    calibration["dev"]["before"]["precision"] = 0.9
    path.write_text(json.dumps(calibration), encoding="utf8")
    assert "too modest" in render_text(tmp_path / "mini", project=ROOT)


def render_changed(source, folder, name, change):
    """Write the report of figures, one file of which was changed."""
    write_run(folder / "mini", source, examples=1)
    path = folder / "mini" / name
    content = json.loads(path.read_text(encoding="utf8"))
    change(content)
    path.write_text(json.dumps(content), encoding="utf8")
    return render_text(folder / "mini", project=ROOT)


def test_report_shows_why_nothing_was_fitted(metrics, tmp_path):
    warning = {"temperature": 1.0, "warning": "Too few. The temperature stays 1."}
    text = render_changed(metrics, tmp_path, "calibration.json", lambda content: content.update(warning))
    assert "Too few. The temperature stays 1." in text
    assert "fitted on dev" not in text


def test_report_of_a_test_set_without_predicted_entities(metrics, tmp_path):
    nothing = {**measure_calibration([]), "f1": 0.0}
    test = {"test": {"before": nothing, "after": nothing}}
    text = render_changed(metrics, tmp_path, "calibration.json", lambda content: content.update(test))
    assert "| entities | 5 | 5 | 0 | 0 |" in text
    assert "the mean score is" not in text


def test_report_shows_labels_as_text(metrics, tmp_path):
    def rename(errors):
        errors["confusions"][0]["gold"] = errors["confusion"]["labels"][0] = "<img src=x>"

    text = render_changed(metrics, tmp_path, "errors.json", rename)
    assert text.count("\\<img src=x\\>") == 3  # header and row of the matrix, and a title
    assert "<img" not in text.replace("\\<img", "")


def test_report_shows_text_of_the_corpus_as_text(measured):
    text = render_text(measured / "mini", project=ROOT)
    assert "\\<script\\>" in text
    assert "<script" not in text.replace("\\<script", "")


def test_report_without_figures(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"No test\.json in .*: run the project"):
        render_text(tmp_path, project=ROOT)


def test_report_command_condenses_and_writes(metrics, tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    runner, kept, written = CliRunner(), tmp_path / "mini", tmp_path / "report.md"
    done = runner.invoke(app, ["report", str(metrics), "--condense", str(kept)])
    assert done.exit_code == 0, done.output
    assert "quote nothing" in " ".join(done.output.split())
    done = runner.invoke(app, ["report", str(kept), "--text", str(written)])
    assert done.exit_code == 0, done.output
    assert written.read_text(encoding="utf8") == render_text(kept, project=ROOT)
    assert not (metrics / "report.html").exists()


def test_report_outside_of_the_project(measured, tmp_path):
    with pytest.raises(
        FileNotFoundError, match=r"No configs/mini\.cfg in .*: run this in the project's folder"
    ):
        render_text(measured / "mini", project=tmp_path)
