"""The measurement of benchmarks/llama_1b, on a tiny shape, so that the command does not rot."""

import importlib.util
import json
import sys
from pathlib import Path
from statistics import mean, pstdev

import pytest
import torch

from spacy_llama_ner.benchmark import make_backbone

FOLDER = Path(__file__).parents[2] / "benchmarks" / "llama_1b"
sys.path.append(str(FOLDER))

import measure  # noqa: E402
import sides  # noqa: E402
from sentences import count_words, make_batches  # noqa: E402

linux = pytest.mark.skipif(
    not Path("/proc/self/status").is_file(), reason="memory is read from Linux's /proc, which is not here"
)


def _load_command():
    spec = importlib.util.spec_from_file_location(
        "llama_1b_run", FOLDER / "run.py"
    )  # benchmarks/size has a `run`, too
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


command = _load_command()


@pytest.fixture(scope="module")
def backbone(tmp_path_factory):
    """A backbone of the tiny shape."""
    folder = tmp_path_factory.mktemp("llama-1b") / "backbone"
    make_backbone.make_backbone(folder, "tiny")
    return folder


def measure_here(arguments, **_):
    """Stand in for a process of its own, which takes seconds to start."""
    _, _, backbone, report, spec = arguments
    report.write_text(json.dumps(measure.measure(measure.Spec.from_json(spec), backbone)))


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """What the command wrote; times of a tiny shape say nothing of the bar."""
    output = tmp_path_factory.mktemp("metrics") / "new" / "tiny.json"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(command.subprocess, "run", measure_here)
        patch.setattr(command, "LEAST_RATIO", 0.0)
        command.main([str(output), "--shape", "tiny", "--steps", "1", "--batch", "2", "--read", "2"])
    return json.loads(output.read_text(encoding="utf8"))


def test_sentences_have_the_lengths_of_conll2003():
    lengths = [len(sentence.words) for batch in make_batches(500, size=8) for sentence in batch]
    assert mean(lengths) == pytest.approx(14.5, abs=0.5)
    assert pstdev(lengths) == pytest.approx(11.6, abs=1.0)
    assert min(lengths) >= 1


def test_sentences_are_the_same_for_the_same_seed():
    assert make_batches(2, size=3) == make_batches(2, size=3)
    assert make_batches(2, size=3) != make_batches(2, size=3, seed=1)


def test_sentences_have_a_tag_for_each_word_and_join_to_their_text():
    for sentence in make_batches(1, size=50)[0]:
        assert len(sentence.words) == len(sentence.spaces) == len(sentence.tags)
        assert "".join(sentence.text.split()) == "".join(sentence.words)
        assert not sentence.text.endswith(" ")


def test_both_sides_read_the_same_pieces(backbone):
    batch = make_batches(1, size=8)[0]
    ours, theirs = (sides.make_side(sides.Cell(name), backbone) for name in (sides.OURS, sides.THEIRS))
    windows = ours.nlp.get_pipe(sides.PIPE).shim.windows([eg.predicted for eg in ours.prepare(batch)])
    inputs, places = theirs.encode(theirs.prepare(batch)[0])
    rows = zip(inputs["input_ids"].tolist(), inputs["attention_mask"].tolist(), strict=True)
    assert [row[: sum(mask)] for row, mask in rows] == windows.windows
    last = {
        int(token): int(place) for token, place in zip(windows.token_index, windows.position, strict=True)
    }
    assert [place for row in places for place in row] == list(last.values())


@pytest.mark.parametrize("name", [sides.OURS, sides.THEIRS])
def test_side_trains_adapters_and_head_alone_in_float32(backbone, name):
    side = sides.make_side(sides.Cell(name), backbone)
    model = side.nlp.get_pipe(sides.PIPE).shim.network if name == sides.OURS else side.model
    before = {key: weight.detach().clone() for key, weight in model.named_parameters()}
    for batch in make_batches(2, size=2):
        side.train(side.prepare(batch))
    changed = {key for key, weight in model.named_parameters() if not torch.equal(weight, before[key])}
    assert {before[key].dtype for key in changed} == {torch.float32}
    assert all(
        any(part in key for part in ("lora_", "head.", "crf.", "score.modules_to_save")) for key in changed
    )
    assert sum("lora_" in key for key in changed) == 16  # A and B of four layers in each of two


def test_side_finds_something_for_each_word_or_doc(backbone):
    batch = make_batches(1, size=5)[0]
    docs = sides.make_side(sides.Cell(sides.OURS), backbone).read(batch)
    tags = sides.make_side(sides.Cell(sides.THEIRS), backbone).read(batch)
    assert [doc.text for doc in docs] == [sentence.text for sentence in batch]
    assert [len(row) for row in tags] == [len(sentence.words) for sentence in batch]


def test_their_side_refuses_what_it_cannot_be():
    with pytest.raises(ValueError, match="expected causal attention and LoRA on their side"):
        sides.make_side(sides.Cell(sides.THEIRS, attention="bidirectional"), Path("backbone"))


def test_jobs_take_turns_and_change_their_order():
    batches = make_batches(measure.WARM_UP + 2, size=1)
    calls = []
    jobs = [(lambda number, name=name: calls.append((name, number)), range(len(batches))) for name in "ab"]
    rates = measure.time_in_turns(jobs, batches, gpu_id=-1)
    assert calls == [("a", 0), ("b", 0), ("b", 1), ("a", 1), ("a", 2), ("b", 2), ("b", 3), ("a", 3)]
    assert [len(row) for row in rates] == [2, 2]


def test_rate_counts_the_words_of_each_batch(monkeypatch):
    clock = iter(range(1000))  # a second from one look to the next
    monkeypatch.setattr(measure.time, "process_time", lambda: next(clock))
    batches = make_batches(measure.WARM_UP + 2, size=2)
    rates = measure.time_in_turns([(lambda _: None, batches)], batches, gpu_id=-1)
    assert rates == [[count_words(batch) for batch in batches[measure.WARM_UP :]]]


@linux
def test_peak_is_of_training_without_loading():
    ballast = torch.ones(2**28, dtype=torch.uint8)
    before = measure.peak_memory(-1)["ram"]
    del ballast
    measure.reset_peak(-1)
    assert measure.peak_memory(-1)["ram"] < before - 0.9 * 2**28
    torch.ones(2**28, dtype=torch.uint8)
    assert measure.peak_memory(-1)["ram"] > before - 0.1 * 2**28


def test_ratio_is_the_median_of_pairs():
    turn = command.compare("training", [10.0, 20.0, 90.0], [10.0, 40.0, 30.0])
    assert turn["ratios"] == [1.0, 0.5, 3.0]
    assert (turn["ratio"], turn["ours"], turn["theirs"]) == (1.0, 20.0, 30.0)


@linux
def test_results_have_all_cells(results):
    cells = {
        (cell["side"], cell["attention"], cell["unfrozen"], cell["checkpointing"]): cell
        for cell in results["cells"]
    }
    ours = {
        ("ours", attention, unfrozen, checkpointing)
        for attention in ("causal", "bidirectional")
        for unfrozen in (0, 2)  # the tiny shape has no four layers
        for checkpointing in (False, True)
    }
    assert cells.keys() == ours | {("theirs", "causal", 0, False), ("theirs", "causal", 0, True)}
    assert all(cell["words_per_second"] > 0 and cell["memory"]["ram"] > 1e8 for cell in cells.values())
    predicted = {key for key, cell in cells.items() if cell["prediction"]}
    assert predicted == {
        ("ours", "causal", 0, False),
        ("ours", "bidirectional", 0, False),
        ("theirs", "causal", 0, False),
    }
    assert all(cells[key]["prediction"] > 0 for key in predicted)


@linux
def test_results_have_all_turns_and_what_they_depend_on(results):
    assert [turn["work"] for turn in results["turns"]] == [
        "training",
        "prediction",
        "training, checkpointing",
    ]
    assert all(turn["ratio"] > 0 and len(turn["ratios"]) == results["steps"] for turn in results["turns"])
    assert results["parameters"] == 614_720
    assert {"processor", "gpu", "threads", "torch", "transformers", "peft"} <= results["machine"].keys()


@linux
@pytest.mark.parametrize(("ratio", "status"), [(0.95, 0), (0.94, 1)])
def test_command_fails_where_ours_is_slower(results, tmp_path, monkeypatch, capsys, ratio, status):
    turns = [
        {**results["turns"][0], "ratio": ratio},
        *({**turn, "ratio": 2.0} for turn in results["turns"][1:]),
    ]
    monkeypatch.setattr(command, "measure_cells", lambda *_: results["cells"])
    monkeypatch.setattr(command, "measure_turns", lambda *_: turns)
    output = tmp_path / "tiny.json"
    arguments = [str(output), "--shape", "tiny"]
    if status:
        with pytest.raises(SystemExit) as exit:
            command.main(arguments)
        assert exit.value.code == status
        said = capsys.readouterr().out
        assert "slower by more than 5%: training" in said
        assert "training;" not in said
    else:
        command.main(arguments)
        assert "MISSED" not in capsys.readouterr().out
    assert json.loads(output.read_text(encoding="utf8"))["passed"] is not bool(status)


@linux
def test_command_measures_in_a_process_of_its_own(backbone):
    options = command.parse(["results.json", "--steps", "1", "--batch", "1"])
    report = command.run(backbone, [sides.Cell(sides.OURS)], options, predict=False)
    assert len(report["train"][0]) == 1
    assert report["read"] is None


@linux
def test_command_fails_if_a_measurement_does(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(command, "MEASURE", tmp_path / "no-such-file.py")
    with pytest.raises(SystemExit) as exit:
        command.main([str(tmp_path / "tiny.json"), "--shape", "tiny"])
    assert exit.value.code == 1
    assert "A measurement failed" in capsys.readouterr().out
    assert not (tmp_path / "tiny.json").exists()


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a GPU")
def test_command_refuses_a_gpu_that_is_not_there(tmp_path, capsys):
    with pytest.raises(SystemExit) as exit:
        command.main([str(tmp_path / "tiny.json"), "--shape", "tiny", "--gpu-id", "0"])
    assert exit.value.code == 1
    assert "Cannot measure on GPU 0" in capsys.readouterr().out


def test_command_refuses_numbers_out_of_range(capsys):
    with pytest.raises(SystemExit):
        command.parse(["results.json", "--steps", "0"])
    assert "--steps: expected a number from 1, got 0" in capsys.readouterr().err
