"""The device; GPUs are pretended."""

import pytest
import torch

from spacy_llama_ner.doctor import device
from spacy_llama_ner.doctor.device import check_device


@pytest.fixture
def gpu(monkeypatch):
    """A function that pretends that torch sees one GPU."""

    def pretend(*, capability=(9, 0), usable=True):
        monkeypatch.setattr(device.platform, "system", lambda: "Linux")
        monkeypatch.setattr(torch.version, "cuda", "12.6")
        monkeypatch.setattr(torch.cuda, "is_available", lambda: usable)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "Card")
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: capability)
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (70_000_000_000, 80_000_000_000))

    return pretend


def rows_of(checks):
    return {check.what: check for check in checks}


def test_check_device_finds_the_cpu():
    rows = rows_of(check_device(gpu_id=-1, dtype="float32"))
    assert rows["CPU"].status == rows["main memory"].status == "ok"
    assert 0 < rows["main memory"].figures["free"] <= rows["main memory"].figures["total"]


def test_check_device_without_cuda_build_fails(monkeypatch, gpu):
    gpu(usable=False)
    monkeypatch.setattr(torch.version, "cuda", None)
    row = rows_of(check_device(gpu_id=0, dtype="float32"))["GPU"]
    assert row.status == "fail"
    assert "built without CUDA" in row.advice
    assert "--gpu-id -1" in row.advice


def test_check_device_without_driver_fails(gpu):
    gpu(usable=False)
    row = rows_of(check_device(gpu_id=0, dtype="float32"))["GPU"]
    assert row.status == "fail"
    assert "nvidia-smi" in row.advice


def test_check_device_with_a_number_too_high_fails(gpu):
    gpu()
    row = rows_of(check_device(gpu_id=1, dtype="float32"))["GPU"]
    assert (row.status, row.found) == ("fail", "no GPU 1")


@pytest.mark.parametrize(("capability", "status"), [((8, 0), "ok"), ((7, 5), "warn")])
def test_check_device_tells_bfloat16_by_capability(gpu, capability, status):
    gpu(capability=capability)
    rows = rows_of(check_device(gpu_id=0, dtype="bfloat16"))
    assert rows["bfloat16"].status == status
    assert rows["GPU memory"].found == "70.00 GB free of 80.00 GB"


def test_check_device_needs_spacy_on_the_gpu(gpu):
    gpu()
    row = rows_of(check_device(gpu_id=0, dtype="float32"))["spaCy on the GPU"]  # without CuPy here
    assert row.status == "fail"
    assert "spacy-llama-ner[cuda12x]" in row.advice


def test_check_device_points_at_an_unused_gpu(gpu):
    gpu()
    row = rows_of(check_device(gpu_id=-1, dtype="float32"))["GPU"]
    assert (row.status, row.found) == ("warn", "Card")


def test_check_device_without_mps_fails(monkeypatch):
    monkeypatch.setattr(device.platform, "system", lambda: "Darwin")
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    row = rows_of(check_device(gpu_id=0, dtype="float32"))["GPU"]
    assert (row.status, row.found) == ("fail", "torch is built without MPS")
