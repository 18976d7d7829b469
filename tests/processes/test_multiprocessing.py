"""`nlp.pipe(n_process=2)` in a process of its own, which is ended if it hangs."""

import json
import multiprocessing
import os
import signal
import subprocess
import sys

import numpy as np
import pytest
from spacy_train import ROOT, environment


@pytest.fixture(scope="module", params=["fork", pytest.param("spawn", marks=pytest.mark.slow)])
def result(request, trained_folder, tmp_path_factory):
    """What one process and two predict, after the parent predicted on two threads of torch."""
    if request.param not in multiprocessing.get_all_start_methods():
        pytest.skip(f"no {request.param} on this system")
    file = tmp_path_factory.mktemp("result") / "result.json"
    variables = environment(RESULT=str(file), TOKENIZERS_PARALLELISM="false", OMP_WAIT_POLICY="PASSIVE")
    script = str(ROOT / "tests" / "multiprocessed.py")
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", script, str(trained_folder), request.param],
        env=variables,
        start_new_session=True,
    )
    try:
        code = process.wait(timeout=240)
    except subprocess.TimeoutExpired:
        pytest.fail(f"nlp.pipe(n_process=2) by {request.param} hangs")
    finally:
        end_session(process)
    assert code == 0
    return json.loads(file.read_text())


def end_session(process):
    """End the process and its workers, which it started in a session of their own."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    finally:
        process.wait()


def test_two_processes_find_what_one_finds_in_order(result):
    assert len(result["one"]) == 19
    for one, two in zip(result["one"], result["two"], strict=True):
        assert one["text"] == two["text"]
        assert [ent[:4] for ent in one["ents"]] == [ent[:4] for ent in two["ents"]]
        assert one["spans"] == two["spans"]
    assert sum(len(doc["ents"]) for doc in result["one"]) > 30


def test_two_processes_give_the_scores_of_one(result):
    for one, two in zip(result["one"], result["two"], strict=True):
        scores = [[ent[4] for ent in doc["ents"]] for doc in (one, two)]
        np.testing.assert_allclose(scores[1], scores[0], rtol=0, atol=1e-6)
        np.testing.assert_allclose(two["scores"], one["scores"], rtol=0, atol=1e-6)
        assert all(0.0 < score <= 1.0 for score in scores[1])


def test_context_goes_with_its_doc(result):
    assert result["context"] == list(range(19))


def test_parent_predicts_on_two_threads_as_before(result):
    assert result["again"] == result["one"]
    assert result["threads"] == 2
