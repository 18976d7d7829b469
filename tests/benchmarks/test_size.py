"""The measurement of benchmarks/size, on a tiny shape, so that the command does not rot."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import run
import torch
from safetensors import safe_open
from transformers import AutoModel, LlamaConfig

from spacy_llama_ner.benchmark import make_backbone, memory
from spacy_llama_ner.network.backbone import load_tokenizer

linux = pytest.mark.skipif(
    not Path("/proc/self/status").is_file(), reason="memory is read from Linux's /proc, which is not here"
)


@pytest.fixture(scope="module")
def backbone(tmp_path_factory):
    """A backbone of the tiny shape."""
    folder = tmp_path_factory.mktemp("size") / "backbone"
    make_backbone.make_backbone(folder, "tiny")
    return folder


@pytest.fixture(scope="module")
def measured(backbone, tmp_path_factory):
    """What the command wrote."""
    output = tmp_path_factory.mktemp("metrics") / "new" / "tiny.json"
    run.main(["--shape", "tiny", "--backbone", str(backbone), "--output", str(output)])
    return json.loads(output.read_text(encoding="utf8"))


def missed(reports, **changes):
    """The names of the bars that these reports miss."""
    bars = {"parameters": reports["train"]["parameters"], "max_peak": 5e9, "max_save": 5.0, **changes}
    return [figure.name for figure in run.compare(reports, **bars) if not figure.passed]


def changed(reports, phase, **values):
    return {**reports, phase: {**reports[phase], **values}}


def test_shape_is_that_of_llama_1b():
    sizes = make_backbone.tensor_shapes(LlamaConfig(**make_backbone.LLAMA_1B))
    assert sum(size.numel() for size in sizes.values()) == 1_235_814_400
    assert "lm_head.weight" not in sizes


def test_shards_hold_each_tensor_once_and_none_is_larger_than_the_largest_tensor_or_a_fifth():
    sizes = make_backbone.tensor_shapes(LlamaConfig(**make_backbone.LLAMA_1B))
    shards = make_backbone.plan_shards(sizes)
    assert [name for names in shards for name in names] == list(sizes)
    embedding = 2 * 128256 * 2048
    assert len(shards) == 5
    assert max(sum(2 * sizes[name].numel() for name in names) for names in shards) == embedding


def test_backbone_is_read_whole_from_its_shards(backbone):
    trunk, info = AutoModel.from_pretrained(
        str(backbone), torch_dtype=torch.bfloat16, output_loading_info=True
    )
    assert len(list(backbone.glob("*.safetensors"))) > 1
    assert not any(info.values())
    assert trunk.config.rope_scaling["rope_type"] == "llama3"
    assert trunk.config.pad_token_id is None
    assert trunk.config.tie_word_embeddings
    assert bool((trunk.norm.weight == 1).all())
    assert float(trunk.layers[1].mlp.up_proj.weight.detach().float().std()) == pytest.approx(0.02, rel=0.05)


def test_backbone_is_the_same_for_the_same_seed(backbone, tmp_path):
    make_backbone.make_backbone(tmp_path / "same", "tiny")
    make_backbone.make_backbone(tmp_path / "other", "tiny", seed=1)
    for shard in sorted(backbone.glob("*.safetensors")):
        assert (tmp_path / "same" / shard.name).read_bytes() == shard.read_bytes()
        assert (tmp_path / "other" / shard.name).read_bytes() != shard.read_bytes()
        with safe_open(shard, framework="pt") as file:
            assert {file.get_slice(name).get_dtype() for name in file.keys()} == {"BF16"}  # noqa: SIM118


def test_backbone_has_a_tokenizer_of_its_vocabulary_that_loses_nothing(backbone):
    tokenizer = load_tokenizer(str(backbone))
    assert len(tokenizer) == make_backbone.SHAPES["tiny"]["vocab_size"]
    assert tokenizer.pad_token is None
    text = "Ilse Vandermeer paid 1,250 złoty in Łódź — 漢字 \N{SMILING FACE WITH SUNGLASSES}."
    ids = tokenizer.backend_tokenizer.encode(text, add_special_tokens=False).ids
    assert tokenizer.backend_tokenizer.decode(ids) == text


def test_tokenizer_uses_pieces_that_it_grew(backbone):
    vocab = load_tokenizer(str(backbone)).get_vocab()
    grown = [piece for piece, number in vocab.items() if number >= 8192]
    encode = load_tokenizer(str(backbone)).backend_tokenizer.encode
    assert any(encode(piece, add_special_tokens=False).tokens == [piece] for piece in grown)


def test_tokenizer_does_not_shrink(tmp_path):
    with pytest.raises(ValueError, match="the vocabulary has 8192 pieces, expected 8000"):
        make_backbone.write_tokenizer(tmp_path, 8000)


@linux
def test_peak_is_of_this_process_alone():
    """A child's peak does not begin with its parent's, as `ru_maxrss` does."""
    ballast = torch.ones(2**28, dtype=torch.uint8)
    code = "from spacy_llama_ner.benchmark import memory; print(memory.read('VmHWM'))"
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert int(child.stdout) < ballast.nbytes < memory.read("VmHWM")


@linux
def test_peak_counts_what_was_freed_and_mapped_files(tmp_path):
    (tmp_path / "file").write_bytes(bytes(2**26))
    code = (
        "import mmap, sys; from spacy_llama_ner.benchmark import memory;"
        "before = memory.read('VmHWM'); block = b'x' * 2**27; del block;"
        "own = memory.read('VmHWM'); file = open(sys.argv[1], 'rb');"
        "view = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ); sum(view[::4096]);"
        "print(own - before, memory.read('RssFile'))"
    )
    child = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "file")], capture_output=True, check=True
    )
    own, file = map(int, child.stdout.split())
    assert own > 0.95 * 2**27
    assert file > 2**26


@linux
def test_memory_names_what_it_cannot_read():
    with pytest.raises(ValueError, match="has no VmNothing"):
        memory.read("VmNothing")
    with pytest.raises(ValueError, match="Linux only"):
        memory.read("VmHWM", "no-such-process")


@linux
def test_command_measures_a_whole_round_trip(measured):
    train, load = measured["train"], measured["load"]
    assert measured["passed"]
    assert train["batches"] == [[2, 64]] * 3
    assert train["peak"] >= train["train_peak"] >= train["load_peak"] >= train["memory_before"] > 1e8
    assert train["sampled"]["anonymous"] > 1e8
    assert train["weight_bytes"] == 2 * train["parameters"]
    assert load["peak"] >= load["load_peak"] >= load["memory_before"] > 1e8
    assert load["words"] > 0
    assert load["entities"] > 0


@linux
def test_command_prints_bars_and_fails_where_one_is_missed(backbone, measured, tmp_path, monkeypatch, capsys):
    reports = {phase: measured[phase] for phase in ("train", "load")}
    monkeypatch.setattr(run, "measure", lambda *_: reports)
    arguments = ["--shape", "tiny", "--backbone", str(backbone), "--output", str(tmp_path / "tiny.json")]
    run.main(arguments)
    assert "< 5 GB" in capsys.readouterr().out
    with pytest.raises(SystemExit) as exit:
        run.main([*arguments, "--max-peak", "0.01"])
    assert exit.value.code == 1
    output = " ".join(capsys.readouterr().out.split())
    assert output.count("MISSED") == 2
    assert "Missed: peak: load, train, predict, save; peak: load back, predict" in output
    assert not json.loads((tmp_path / "tiny.json").read_text(encoding="utf8"))["passed"]


@linux
def test_command_fails_if_a_phase_does(backbone, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(run, "PHASES", tmp_path / "no-such-file.py")
    with pytest.raises(SystemExit) as exit:
        run.main(["--shape", "tiny", "--backbone", str(backbone), "--output", str(tmp_path / "tiny.json")])
    assert exit.value.code == 1
    assert "the phase 'train' failed" in " ".join(capsys.readouterr().out.split())
    assert not (tmp_path / "tiny.json").exists()


@linux
@pytest.mark.parametrize(
    ("phase", "values", "name"),
    [
        ("train", {"peak": 5e9}, "peak: load, train, predict, save"),
        ("load", {"peak": 5e9}, "peak: load back, predict"),
        ("train", {"save_seconds": 5.0}, "save"),
        ("train", {"batches": [[2, 64], [2, 64], [1, 64], [1, 64]]}, "pieces of each batch"),
        ("train", {"adapters_changed": 15}, "adapters changed by training"),
        ("train", {"adapters": 0, "adapters_changed": 0}, "adapters changed by training"),
        ("load", {"emission_difference": 1e-7}, "emissions loaded back, difference"),
        ("load", {"emission_difference": float("nan")}, "emissions loaded back, difference"),
        ("load", {"words": 0}, "emissions loaded back, difference"),
        ("load", {"entities_equal": False}, "entities loaded back"),
        ("load", {"entities": 0}, "entities loaded back"),
        ("load", {"weights_equal": 20}, "adapters, head, CRF loaded back, bit-equal"),
    ],
)
def test_bar_is_missed(measured, phase, values, name):
    assert missed(measured) == []
    assert missed(changed(measured, phase, **values)) == [name]


@linux
@pytest.mark.parametrize(
    ("step", "name"),
    [
        ({"loss": float("nan")}, "loss of each step"),
        ({"grad_norm": 0.0}, "gradient norm of each step"),
        ({"grad_norm": float("inf")}, "gradient norm of each step"),
    ],
)
def test_bar_of_one_step_is_missed(measured, step, name):
    steps = measured["train"]["steps"]
    assert missed(changed(measured, "train", steps=[*steps[:2], {**steps[2], **step}])) == [name]


@linux
def test_bar_of_another_shape_is_missed(measured):
    assert missed(measured, parameters=1) == ["parameters"]


@linux
def test_load_ratio_is_a_bar_for_large_weights_only(measured):
    ratio = "spacy.load: peak without libraries / weights"
    large = changed(measured, "train", weight_bytes=2e9)
    just, over = (
        changed(large, "load", memory_before=5e8, load_peak=5e8 + share * 2e9) for share in (1.15, 1.16)
    )
    assert missed(just) == []
    assert missed(over) == [ratio]
    assert missed(changed(measured, "load", load_peak=4e9)) == []
