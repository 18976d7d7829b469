import json
import re
from pathlib import Path

import pytest
import spacy
from typer.testing import CliRunner

from spacy_llama_ner.benchmark import loading, loading_process, memory
from spacy_llama_ner.cli import app

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "configs" / "llama-3.2-1b.cfg"
linux = pytest.mark.skipif(
    not Path("/proc/self/status").is_file(), reason="memory is read from Linux's /proc, which is not here"
)


def report(*, peak, seconds=1.0, anonymous=150):
    return {
        "seconds": seconds,
        "weights": 1000,
        "libraries": 500,
        "libraries_anonymous": 100,
        "peak": peak,
        "anonymous": anonymous,
    }


def missed(load_peak, save_peak, milliseconds):
    jobs = {
        "load": loading.middle([report(peak=load_peak)]),
        "save": loading.middle([report(peak=save_peak)]),
    }
    return [figure.name for figure in loading.figures({"mini": jobs}, milliseconds) if not figure.passed]


def test_middle_is_the_median_beyond_the_libraries():
    runs = [report(peak=peak, seconds=peak / 1000) for peak in (1600, 9000, 1500)]
    found = loading.middle(runs)
    assert (found["seconds"], found["peak"], found["own"]) == (1.6, 1100, 50)


@pytest.mark.parametrize(
    ("load_peak", "save_peak", "milliseconds", "names"),
    [
        (1650, 1650, 50.0, []),
        (1651, 1650, 50.0, ["mini: peak of spacy.load, of the weights"]),
        (1650, 2500, 50.0, ["mini: peak of to_disk, of the weights"]),
        (1650, 1650, 50.1, ["import spacy_llama_ner, beyond spaCy's own"]),
    ],
)
def test_figures_hold_peaks_and_the_import_against_their_bars(load_peak, save_peak, milliseconds, names):
    assert missed(load_peak, save_peak, milliseconds) == names


@pytest.mark.parametrize("inside", [True, False])
def test_make_saves_the_backbone_inside_or_not(tiny_llama, tmp_path, inside):
    loading_process.make(CONFIG, tiny_llama, tmp_path / "pipeline", inside=inside)
    assert bool(list(tmp_path.rglob("backbone/model.safetensors"))) is inside


@linux
def test_save_is_measured_in_a_process_of_its_own(tiny_llama, tmp_path):
    pipeline, copy = tmp_path / "pipeline", tmp_path / "copy"
    loading_process.make(CONFIG, tiny_llama, pipeline, inside=True)
    found = loading.run_process("save", str(pipeline), str(copy), report=tmp_path / "report.json")
    network = spacy.load(copy).get_pipe("llama_crf_ner").shim.network
    assert found["weights"] == sum(weight.nbytes for weight in network.parameters())
    assert found["written"] == sum(path.stat().st_size for path in copy.rglob("*") if path.is_file())
    assert found["peak"] > found["libraries"] > found["libraries_anonymous"] > 1e8
    assert found["peak"] > found["anonymous"] > found["libraries_anonymous"]


@linux
def test_run_process_says_which_measurement_failed(tmp_path, monkeypatch):
    monkeypatch.setattr(loading, "PROCESS", "spacy_llama_ner.no_such_module")
    with pytest.raises(ValueError, match=r"failed with exit status 1: .*no_such_module load"):
        loading.run_process("load", "pipeline", report=tmp_path / "report.json")


def test_time_imports_is_of_what_a_module_adds(tmp_path, monkeypatch):
    (tmp_path / "slow_module.py").write_text("import time\ntime.sleep(0.2)\n")
    (tmp_path / "module_beside.py").write_text("import slow_module\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(loading, "MODULES", ("slow_module", "module_beside"))
    slow, beside = loading.time_imports()
    assert slow >= 200 > 100 > beside


@linux
def test_bench_loading_reports_every_pipeline(tiny_llama, tmp_path, monkeypatch):
    def run_here(command):
        loading_process.main(command[3:])
        return 0, memory.Sampled(anonymous=10**9)

    monkeypatch.setattr(memory, "run", run_here)
    monkeypatch.setattr(loading, "time_imports", lambda: [3000.0, 5.0, 40.0])
    output = tmp_path / "new" / "loading.json"
    options = ["--shape", "tiny", "--mini", str(tiny_llama), "--rounds", "1", "--import-rounds", "1"]
    options += ["--config", str(CONFIG), "--mini-config", str(ROOT / "configs" / "mini.cfg")]
    result = CliRunner().invoke(app, ["bench", "loading", *options, "-o", str(output)])
    assert output.is_file(), result.output
    found = json.loads(output.read_text())
    assert [(figure["bar"], figure["least"]) for figure in found["figures"]] == [(1.15, False)] * 6 + [
        (50.0, False)
    ]
    times, peaks, imports = found["tables"]
    names = ["mini", "tiny, beside", "tiny, inside", "two tiny layers"]
    assert [row[0] for row in times["rows"]] == [row[0] for row in peaks["rows"]] == names
    beside, inside = (float(row[2]) for row in times["rows"][1:3])
    assert inside > beside
    assert imports["rows"][1] == ["spacy_llama_ner", "5.0", "5.0 to 5.0"]
    assert found["settings"]["rounds"] == 1


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (["--shape", "huge"], "expected one of llama-3.2-1b, .*, got 'huge'"),
        (["--mini", "no-such-folder"], "no-such-folder is not there: run this in a copy of the repository"),
    ],
)
def test_bench_loading_refuses_what_is_not_there(options, error):
    result = CliRunner().invoke(app, ["bench", "loading", *options])
    assert result.exit_code == 1
    assert re.search(error, result.output)
