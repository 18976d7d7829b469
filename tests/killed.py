"""Kill saves and trainings, and see what they leave; run as a script, so that nothing is killed but its children.

killed.py saves OLD NEW TARGET WAY STEP   kill a save of NEW over a copy of OLD, at every STEP-th file operation
killed.py trainings FOLDER BACKBONE KILLS SEED   kill trainings in FOLDER at random moments
"""

import json
import os
import random
import shutil
import signal
import sys
import time
import traceback
from pathlib import Path

import numpy as np
import spacy
from spacy.cli.train import train
from spacy_train import CONFIG, TEXTS, overrides

from spacy_llama_ner.pipeline.checkpoint import save_whole

PIPE = "llama_crf_ner"
OPERATIONS = {"os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.truncate", "os.chmod"}


def emissions(nlp):
    """RETURNS (Optional[ndarray]): What the pipeline makes of a text; None if it has no weights."""
    pipe = nlp.get_pipe(PIPE)
    return None if pipe.shim.is_empty else pipe.model.predict([nlp.make_doc(TEXTS[0][0])])[0]


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def die_at(point):
    """Kill this process before its file operation number `point`; of a file opened to write, when it is empty."""
    state = {"count": 0, "busy": False}

    def hook(event, arguments):
        if state["busy"]:
            return
        writes = event == "open" and len(arguments) == 3 and (arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR)
        # Cython and python files alike open with a mode, low-level calls with flags.
        writes = writes or (event == "open" and any(letter in str(arguments[1]) for letter in "wax+"))
        # What ctypes is about to do is one step; before and after it are moments too.
        if not (writes or event in OPERATIONS or event == "ctypes.dlsym"):
            return
        state["count"] += 1
        if state["count"] <= point:
            return
        state["busy"] = True
        if writes and isinstance(arguments[0], str | Path):
            Path(arguments[0]).write_bytes(b"")
        die()

    sys.addaudithook(hook)


def saves(old, new, target, way, step):
    """RETURNS (list): For each point, "old", "new" or the error that loading what is left ends with."""
    nlp, checker = spacy.load(new), spacy.load(new)
    states = {"old": emissions(spacy.load(old)), "new": emissions(nlp)}
    write = {
        "component": lambda: nlp.get_pipe(PIPE).to_disk(target / PIPE, exclude=["vocab"]),
        "whole": lambda: save_whole(nlp, target),
        "spacy": lambda: nlp.to_disk(target),
    }[way]

    def read():
        if way != "component":
            return emissions(spacy.load(target))
        checker.get_pipe(PIPE).from_disk(target / PIPE, exclude=["vocab"])
        return emissions(checker)

    outcomes = []
    while True:
        shutil.rmtree(target.parent, ignore_errors=True)
        shutil.copytree(old, target)
        child = os.fork()
        if child == 0:
            try:
                die_at(len(outcomes) * step)
                write()
            finally:
                os._exit(0)
        _, status = os.waitpid(child, 0)
        try:
            left = read()
            names = [name for name, state in states.items() if np.array_equal(left, state)]
            outcomes.append(names[0] if names else "another state")
        except Exception as error:  # whatever loading ends with
            outcomes.append(f"{type(error).__name__}: {str(error)[:200]}")
        if not os.WIFSIGNALED(status):
            return outcomes


def trainings(folder, backbone, kills, seed):
    """RETURNS (list): For each killed training, its delay and how many entities model-last predicts, or an error."""
    moments, outcomes = random.Random(seed), []
    values = overrides(folder, backbone, training__eval_frequency=1, training__max_steps=100_000)
    for _ in range(kills):
        output = folder / "out"
        shutil.rmtree(output, ignore_errors=True)
        child = os.fork()
        if child == 0:
            try:
                log = os.open(folder / "output.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
                os.dup2(log, 1)
                os.dup2(log, 2)
                train(CONFIG, output, overrides=values)
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(0)
        while not (output / "model-last").exists() and os.waitpid(child, os.WNOHANG) == (0, 0):
            time.sleep(0.01)
        if not (output / "model-last").exists():
            raise RuntimeError((folder / "output.txt").read_text())
        delay = moments.uniform(0.0, 0.8)
        time.sleep(delay)
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        outcome = {"delay": delay, "killed": os.WIFSIGNALED(status)}
        try:
            doc = spacy.load(output / "model-last")(TEXTS[0][0])
            outcome["predicts"] = doc.has_annotation("ENT_IOB")
        except Exception as error:
            outcome["error"] = f"{type(error).__name__}: {str(error)[:200]}"
        outcomes.append(outcome)
    return outcomes


if __name__ == "__main__":
    if sys.argv[1] == "saves":
        old, new, target, way, step = sys.argv[2:]
        found = saves(Path(old), Path(new), Path(target), way, int(step))
    else:
        folder, backbone, kills, seed = sys.argv[2:]
        found = trainings(Path(folder), Path(backbone), int(kills), int(seed))
    Path(os.environ["RESULT"]).write_text(json.dumps(found))
