"""Load a pipeline in a process of its own, let it predict, and see what that costs.

In a process of its own, since libraries, caches and what was loaded before would count otherwise.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from spacy_llama_ner.pipeline.memory import peak_resident
from spacy_llama_ner.release.errors import ReleaseError
from spacy_llama_ner.release.wheel import last_lines


def try_pipeline(pipeline_dir: Path, inputs: Path | list[str], *, gpu_id: int = -1) -> dict[str, Any]:
    """Measure a pipeline.

    pipeline_dir (Path): A saved pipeline.
    inputs (Path | list[str]): An annotated corpus, a `.spacy` file, read on its own tokens; or texts.
    gpu_id (int): GPU, or -1 for the CPU.
    RETURNS (dict): `load_seconds` and `peak_bytes`, both with the libraries (the latter None where the system does not
        tell); `predict_seconds`, `words`; `f1` on the corpus from 0 to 1, None for texts; `entities`, for each text a
        list of `start` and `end` in characters, `text`, `label` and `score` (None where no component gave one).
    RAISES (ReleaseError): If it cannot be loaded or fails.
    """
    with tempfile.TemporaryDirectory(prefix="trial-") as folder:
        source, output = inputs, Path(folder) / "output.json"
        if not isinstance(source, Path):
            source = Path(folder) / "texts.json"
            source.write_text(json.dumps(inputs), encoding="utf8")
        command = [sys.executable, "-m", __name__, str(pipeline_dir), str(source), str(output), str(gpu_id)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise ReleaseError(f"The pipeline in {pipeline_dir} does not run:\n{last_lines(done)}")
        return json.loads(output.read_text(encoding="utf8"))


def _measure(pipeline_dir: Path, source: Path, *, gpu_id: int) -> dict[str, Any]:
    import spacy

    if gpu_id >= 0:
        spacy.require_gpu(gpu_id)
    start = time.perf_counter()
    nlp = spacy.load(pipeline_dir)
    load_seconds = time.perf_counter() - start
    f1 = None
    if source.suffix == ".json":
        start = time.perf_counter()
        docs = list(nlp.pipe(json.loads(source.read_text(encoding="utf8"))))
        predict_seconds = time.perf_counter() - start
    else:
        from spacy_llama_ner.evaluation.examples import predict, read_gold

        examples, predict_seconds = predict(nlp, read_gold(source, nlp.vocab), batch_size=nlp.batch_size)
        docs = [example.predicted for example in examples]
        f1 = spacy.scorer.Scorer().score_spans(examples, "ents")["ents_f"]
    return {
        "load_seconds": load_seconds,
        "peak_bytes": peak_resident(),
        "predict_seconds": predict_seconds,
        "words": sum(map(len, docs)),
        "f1": f1,
        "entities": [[_entity(ent) for ent in doc.ents] for doc in docs],
    }


def _entity(ent: Any) -> dict[str, Any]:
    score = ent._.score if ent.has_extension("score") else None
    return {
        "start": ent.start_char,
        "end": ent.end_char,
        "text": ent.text,
        "label": ent.label_,
        "score": None if score is None else float(score),
    }


def main(pipeline_dir: str, source: str, output: str, gpu_id: str) -> None:
    """Measure a pipeline in this process and write the result as JSON; see `try_pipeline`."""
    result = _measure(Path(pipeline_dir), Path(source), gpu_id=int(gpu_id))
    Path(output).write_text(json.dumps(result), encoding="utf8")


if __name__ == "__main__":
    main(*sys.argv[1:])
