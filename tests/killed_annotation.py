"""Kill annotations at their file operations; run as a script, so that nothing is killed but its children.

killed_annotation.py MODEL INPUT OUTPUT STEP   kill runs at every STEP-th file operation, and end each by another run
"""

import json
import os
import shutil
import sys
from pathlib import Path

import pyarrow.parquet  # noqa: F401  Loaded before the forks, as spaCy is.
from killed import die_at

from spacy_llama_ner.annotation import formats
from spacy_llama_ner.annotation.job import Job
from spacy_llama_ner.annotation.local import annotate_here
from spacy_llama_ner.annotation.run import run_job
from spacy_llama_ner.annotation.source import Source


def outcome(job):
    """RETURNS (list): What another run makes of what a killed one has left."""
    # Without a journal but with its output, only the last steps were left to the killed run.
    done = (
        job.output.exists() and not (job.output.with_name(f"{job.output.name}.partial") / "job.json").exists()
    )
    resumed = None if done else run_job(job, annotate_here).resumed.batches
    errors = job.output.with_name(f"{job.output.name}.errors.jsonl").read_text()
    return [resumed, job.output.read_text(), errors]


def killed(job, step):
    """RETURNS (list): For each point the outcome, and at last that of a run that was not killed."""
    outcomes = []
    while True:
        shutil.rmtree(job.output.parent, ignore_errors=True)
        child = os.fork()
        if child == 0:
            try:
                die_at(len(outcomes) * step)
                run_job(job, annotate_here)
            finally:
                os._exit(0)
        _, status = os.waitpid(child, 0)
        outcomes.append(outcome(job))
        if not os.WIFSIGNALED(status):
            return outcomes


if __name__ == "__main__":
    model, source, output, step = sys.argv[1:]
    job = Job(
        model=model,
        source=Source(source, formats.input_format(source)),
        output=Path(output).resolve(),
        output_format=formats.output_format(output),
        batch_size=2,
        part_batches=1,
    )
    Path(os.environ["RESULT"]).write_text(json.dumps(killed(job, int(step))))
