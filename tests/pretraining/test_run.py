"""The command as a user calls it: from text to a folder, killed and resumed, with mistakes."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from spacy_llama_ner.network.attention import set_attention
from spacy_llama_ner.network.backbone import load_trunk
from spacy_llama_ner.pretraining.training import last_checkpoint

SMALL = [
    "--vocab-size",
    "300",
    "--hidden-size",
    "32",
    "--intermediate-size",
    "48",
    "--layers",
    "2",
    "--heads",
    "4",
]
SMALL += [
    "--kv-heads",
    "2",
    "--row-length",
    "32",
    "--validation-share",
    "0.2",
    "--batch-rows",
    "4",
    "--warmup-steps",
    "2",
]


def run(*arguments, check=True):
    command = [sys.executable, "-m", "spacy_llama_ner", "pretrain", *map(str, arguments)]
    result = subprocess.run(
        command, capture_output=True, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"}
    )
    if check:
        assert result.returncode == 0, result.stdout + result.stderr
    return result


@pytest.fixture(scope="module")
def whole(texts, tmp_path_factory):
    """A run from beginning to end, masked and causal."""
    output = tmp_path_factory.mktemp("whole") / "llama"
    about = output.with_name("about.json")
    about.write_text(
        json.dumps({"name": "tiny", "language": "en", "license": "cc0-1.0", "data": "Invented stories"})
    )
    options = ["-o", output, *SMALL, "--masked-share", "0.5", "--save-every", "10", "--epochs", "2"]
    result = run(texts, *options, "--about", about, "--max-shard-size", "20KB")
    return output, options, result.stdout


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return {
        name: value
        for path in sorted(folder.glob("*.safetensors"))
        for name, value in load_file(path).items()
    }


def test_pretrain_writes_a_folder_that_generates(whole):
    output, _, _ = whole
    model = AutoModelForCausalLM.from_pretrained(output / "model", torch_dtype="auto")
    tokenizer = AutoTokenizer.from_pretrained(output / "model")
    ids = tokenizer("Anna said", return_tensors="pt").input_ids
    written = model.generate(ids, max_new_tokens=5, do_sample=False)
    assert written.shape == (1, ids.shape[1] + 5)
    assert model.dtype == torch.bfloat16


def test_pretrain_writes_shards_of_the_size_asked_for(whole):
    paths = list((whole[0] / "model").glob("model-*.safetensors"))
    assert len(paths) > 1
    assert max(path.stat().st_size for path in paths) < 22_000


@pytest.mark.parametrize("attention", ["causal", "bidirectional"])
def test_pretrain_writes_a_backbone_for_both_kinds_of_attention(whole, attention):
    set_attention(load_trunk(str(whole[0] / "model")), attention)


def test_pretrain_lowers_both_validation_losses(whole):
    log = [json.loads(line) for line in (whole[0] / "run" / "log.jsonl").read_text().splitlines()]
    for key in ("validation_loss", "validation_loss_masked"):
        losses = [record[key] for record in log if key in record]
        assert len(losses) >= 3
        assert losses[-1] < losses[0] - 0.2


def test_pretrain_shows_speed_and_time_left(whole):
    assert "pieces/s" in whole[2]
    assert "min left" in whole[2]


def test_pretrain_writes_a_card_with_what_was_measured(whole):
    output, _, _ = whole
    facts = json.loads((output / "model" / "pretraining.json").read_text())
    card = (output / "model" / "README.md").read_text()
    assert card.startswith("---\nlanguage: en\nlicense: cc0-1.0\n")
    assert f"{facts['validation_loss']:.3f} nats a piece" in card
    assert f"{facts['parameters']:,}" in card
    assert "Invented stories" in card
    assert "python -m spacy_llama_ner pretrain" in card
    assert facts["pieces"] == 2 * facts["pieces_in_text"]["train"]


def test_pretrain_resumed_after_a_kill_ends_with_the_same_weights(whole, texts, tmp_path):
    reference, options, _ = whole
    output = tmp_path / "llama"
    options = ["-o", output, *options[2:]]
    command = [sys.executable, "-m", "spacy_llama_ner", "pretrain", str(texts), *map(str, options)]
    process = subprocess.Popen(command, env=os.environ | {"OMP_NUM_THREADS": "1"}, stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 120
        while last_checkpoint(output / "run" / "checkpoints") is None and process.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.02)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert not (output / "model").exists()
    run(texts, *options, "--resume")
    expected = weights(reference / "model")
    resumed = weights(output / "model")
    assert expected.keys() == resumed.keys()
    assert all(torch.equal(expected[name], resumed[name]) for name in expected)


def test_pretrain_trains_a_folder_on(whole, texts, tmp_path):
    start = whole[0] / "model"
    run(texts, "-o", tmp_path, *SMALL[12:], "--init-from", start, "--epochs", "0.5")
    facts = json.loads((tmp_path / "model" / "pretraining.json").read_text())
    before = json.loads((start / "pretraining.json").read_text())
    assert facts["validation_loss"] < before["validation_loss"]
    assert "Trained on from" in (tmp_path / "model" / "README.md").read_text()


def test_pretrain_does_not_touch_an_earlier_run(whole, texts):
    output, options, _ = whole
    before = {path: path.read_bytes() for path in output.rglob("*") if path.is_file()}
    result = run(texts, *options, check=False)
    assert result.returncode == 1
    assert "holds a run already. Add --resume" in result.stdout
    assert {path: path.read_bytes() for path in output.rglob("*") if path.is_file()} == before


def test_pretrain_resumed_after_its_end_writes_the_same_model(whole, texts, tmp_path):
    output = tmp_path / "llama"
    shutil.copytree(whole[0], output)
    shutil.rmtree(output / "model")
    run(texts, "-o", output, *whole[1][2:], "--resume")
    expected = weights(whole[0] / "model")
    assert all(torch.equal(value, expected[name]) for name, value in weights(output / "model").items())
    facts = [json.loads((folder / "model" / "pretraining.json").read_text()) for folder in (whole[0], output)]
    for key in ("validation_loss", "validation_loss_masked", "steps", "pieces"):
        assert facts[0][key] == pytest.approx(facts[1][key])


def test_pretrain_refuses_to_replace_a_folder_that_it_did_not_write(texts, tmp_path):
    (tmp_path / "model").mkdir()
    result = run(texts, "-o", tmp_path, *SMALL, check=False)
    assert result.returncode == 1
    assert "was not written by `pretrain`" in result.stdout


def test_pretrain_refuses_to_resume_with_other_texts(whole, texts, tmp_path):
    shutil.copytree(whole[0], tmp_path / "llama")
    path = tmp_path / "llama" / "run" / "settings.json"
    path.write_text(path.read_text().replace('"digests": [\n    "', '"digests": [\n    "0'))
    result = run(texts, "-o", tmp_path / "llama", *whole[1][2:], "--resume", check=False)
    assert result.returncode == 1
    assert "begun with texts of other content" in result.stdout


def test_pretrain_refuses_to_resume_with_other_settings(whole, texts):
    _, options, _ = whole
    result = run(texts, *options, "--seed", "3", "--resume", check=False)
    assert result.returncode == 1
    assert "begun with other settings: schedule was" in result.stdout


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--hidden-size", "33"], "hidden_size 33 gives 8 heads no even size"),
        (["--heads", "8", "--kv-heads", "3"], "no multiple of num_key_value_heads"),
        (["--layers", "0"], "num_hidden_layers is 0"),
        (["--masked-share", "1.5"], "masked_share is 1.5"),
        (["--epochs", "0"], "epochs is 0"),
        (["--validation-share", "1"], "validation_share is 1"),
        (["--row-length", "1"], "row_length is 1"),
        (["--row-length", "4096"], "more than max_position_embeddings"),
        (["--row-length", "2000"], "not enough for one row"),
        (["--init-from", "nowhere"], "sizes and vocabulary belong to a new Llama"),
        (["--epochs", "inf"], "epochs is inf"),
        (["--max-shard-size", "15 apples"], "max_shard_size is '15 apples'"),
        (["--gpu-id", "0"], "sees no CUDA device"),
    ],
)
def test_pretrain_reports_a_wrong_option(texts, tmp_path, options, message, capsys):
    if "--gpu-id" in options and torch.cuda.is_available():
        pytest.skip("a CUDA device is here")
    from spacy_llama_ner.cli import app

    arguments = ["pretrain", str(texts), "-o", str(tmp_path / "out"), "--vocab-size", "300", *options]
    with pytest.raises(SystemExit) as stopped:
        app(arguments, standalone_mode=False)
    assert stopped.value.code == 1
    assert message in capsys.readouterr().out


def test_pretrain_names_a_folder_to_train_on_that_is_missing(texts, tmp_path):
    result = run(texts, "-o", tmp_path, "--init-from", "nowhere", check=False)
    assert "nowhere: no such folder" in result.stdout


def test_pretrain_begins_anew_where_a_mistake_ended_the_last_call(texts, tmp_path):
    options = ["-o", tmp_path, *SMALL, "--epochs", "0.1"]
    assert run(texts, *options, "--row-length", "2000", check=False).returncode == 1
    run(texts, *options)


def test_last_checkpoint_passes_over_one_that_is_not_whole(tmp_path):
    for step, state in ((2, "{}"), (9, '{"global_step": 9}'), (10, '{"glob'), (100, None)):
        folder = tmp_path / f"checkpoint-{step}"
        folder.mkdir()
        if state is not None:
            (folder / "trainer_state.json").write_text(state)
    assert last_checkpoint(tmp_path) == tmp_path / "checkpoint-9"
