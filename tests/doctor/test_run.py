"""All checks together, on a tiny backbone."""

import pytest

from spacy_llama_ner.doctor import needs, rehearsal, reload, run
from spacy_llama_ner.doctor.run import estimate, examine


def rows_of(state):
    return {check.what: check for section in examine(state) for check in section.checks}


@pytest.fixture
def quick(monkeypatch):
    """Fewer and shorter measurements."""
    monkeypatch.setattr("spacy_llama_ner.doctor.steps.MOST", 3)
    monkeypatch.setattr(reload, "LONG_ENOUGH", 0.1)


@pytest.mark.usefixtures("quick")
def test_examine_trains_saves_and_loads(make_state):
    state = make_state()
    rows = rows_of(state)
    assert {name: row.advice for name, row in rows.items() if row.status in ("fail", "skipped")} == {}
    assert rows["data set"].status == "warn"  # not converted
    assert (
        rows["attention canary"].found == 'on these weights: "bidirectional", and nothing leaks from padding'
    )
    assert rows["weights"].figures["changed"] == rows["weights"].figures["trained"] > 0
    assert rows["same scores"].figures["largest_difference"] == 0
    kept = rows["kept for backward pass"].figures
    assert kept["expected"] == pytest.approx(kept["measured"], rel=0.1)
    assert rows["time"].status == "warn"  # an unknown corpus
    assert not list(state.output.parent.glob(".doctor-*"))


@pytest.mark.usefixtures("quick")
def test_examine_knows_conll2003(make_state, monkeypatch):
    def found(what, name, **_):
        return run.Repository([run.Check(what, name)], available=True)

    monkeypatch.setattr(run, "check_repository", found)
    rows = rows_of(make_state(paths__source="eriktks/conll2003", training__batcher__size=8))
    assert rows["data set"].found == "eriktks/conll2003"
    assert rows["time"].figures["steps"] == 4 * 1756  # four epochs of 14,041 sentences in batches of 8
    assert rows["time"].figures["dev_words"] == 51_362


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    "settings",
    [
        {"training__accumulate_gradient": 2, "model__gradient_checkpointing": True},
        {"model__unfreeze_layers": 2, "model__gradual_unfreezing_steps": 10, "model__peft": None},
    ],
    ids=str,
)
def test_examine_works_for_other_ways_to_train(make_state, settings):
    rows = rows_of(make_state(**settings))
    assert [name for name, row in rows.items() if row.status in ("fail", "skipped")] == []


@pytest.mark.usefixtures("quick")
def test_examine_works_for_an_encoder(make_state, tiny_bert):
    rows = rows_of(make_state(tiny_bert, **{"model__lora_target_modules": ["query", "value"]}))
    assert rows["shape"].found == "of a bert"
    assert rows["same scores"].status == "ok"


def test_examine_skips_training_without_a_backbone(make_state, tmp_path):
    rows = rows_of(make_state(str(tmp_path / "nowhere" / "llama")))
    assert rows["backbone"].found == f"no folder {tmp_path}/nowhere/llama"
    assert (rows["memory"].status, rows["tokenizer"].status) == ("fail", "skipped")
    assert "not known without its config.json" in rows["memory"].advice
    assert {rows[stage].found for stage in rehearsal.STAGES} == {"the backbone cannot be had"}


def test_examine_fails_where_memory_is_too_small(make_state, monkeypatch):
    for module in (needs, rehearsal):
        monkeypatch.setattr(module, "free_memory", lambda _: 1_000)
    rows = rows_of(make_state())
    assert rows["fits"].status == "fail"
    assert "gradient_checkpointing = true" in rows["fits"].advice
    assert rows["training step"].found == "there is not enough memory"


def test_examine_warns_where_the_largest_batch_is_too_large(make_state, monkeypatch):
    state = make_state()
    estimate(state)
    usual, largest = (sum(item.size for item in items) for _, items in state.sums)
    monkeypatch.setattr(needs, "free_memory", lambda _: (usual + largest) / 2)
    fits = next(check for check in estimate(state).checks if check.what == "fits")
    assert fits.status == "warn"


def test_examine_fails_where_the_disk_is_full(make_state, monkeypatch):
    monkeypatch.setattr(needs.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 1})())
    disk = next(check for check in estimate(make_state()).checks if check.what == "disk for checkpoints")
    assert disk.status == "fail"
    assert "Make room in" in disk.advice


def test_examine_skips_training_without_the_device(make_state, monkeypatch):
    state = make_state()
    state.gpu_id = 0
    failing = [run.Check("GPU", "none", "fail")]
    monkeypatch.setattr(run, "check_device", lambda **_: failing)
    monkeypatch.setattr(run, "check_versions", lambda **_: [])
    rows = rows_of(state)
    assert rows["memory"].status == "ok"
    assert "fits" not in rows
    assert {rows[stage].found for stage in rehearsal.STAGES} == {"the device does not work"}


def test_examine_goes_on_where_the_network_does_not_build(make_state):
    rows = rows_of(make_state(**{"model__attention": "bidirectional[7:]"}))
    assert rows["attention canary"].status == "fail"
    assert "selects none of the backbone's 2 layers" in rows["attention canary"].advice
    assert rows["saving and loading"].found == "the network was not built"


@pytest.mark.usefixtures("quick")
def test_examine_fails_where_nothing_is_learned(make_state):
    rows = rows_of(make_state(**{"training.optimizer.learn_rate": 0.0, "training.optimizer.L2": 0.0}))
    assert rows["weights"].status == "fail"
    assert "Nothing was learned" in rows["weights"].advice


@pytest.mark.usefixtures("quick")
def test_examine_fails_where_scores_change(make_state, monkeypatch):
    real, calls = reload._emissions, []

    def emissions(*args):
        calls.append(1)
        return real(*args) + len(calls)

    monkeypatch.setattr(reload, "_emissions", emissions)
    rows = rows_of(make_state())
    assert rows["same scores"].status == "fail"
    assert rows["prediction"].status == "ok"


@pytest.mark.usefixtures("quick")
def test_examine_warns_where_the_arithmetic_is_off(make_state, monkeypatch):
    monkeypatch.setattr(rehearsal, "expected_kept", lambda _: 1.0)
    rows = rows_of(make_state())
    assert rows["kept for backward pass"].status == "warn"


def test_examine_reports_training_that_breaks(make_state, monkeypatch):
    def broken(*_):
        raise RuntimeError("out of memory")

    monkeypatch.setattr(rehearsal, "train_steps", broken)
    monkeypatch.setattr(reload, "LONG_ENOUGH", 0.1)
    rows = rows_of(make_state())
    assert rows["training step"].status == "fail"
    assert rows["training step"].advice == "RuntimeError: out of memory"
    assert rows["saving and loading"].status == "ok"  # goes on
    assert rows["time"].status == "skipped"
