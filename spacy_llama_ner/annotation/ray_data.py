"""Annotate with Ray Data: one pipeline per worker, on this machine or a cluster, with the same result.

Ray's rows are whole batches, pickled: what is in a batch is decided where the source is read, by one task on the
driver's machine. So the workers share no file system with it but for the model.
"""

import logging
import os
import pickle
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import ray
from ray.data import ActorPoolStrategy, DataContext, Datasource, ReadTask
from ray.data.block import BlockMetadata
from ray.util.annotations import RayDeprecationWarning

from spacy_llama_ner.annotation.batch import annotate_batch
from spacy_llama_ner.annotation.batches import open_batches
from spacy_llama_ner.annotation.formats import STDIN
from spacy_llama_ner.annotation.job import Job
from spacy_llama_ner.annotation.journal import Counts
from spacy_llama_ner.annotation.local import load
from spacy_llama_ner.annotation.types import Annotated

_COLUMN = "pickled"


def annotate_on_ray(
    job: Job, done: Counts, *, workers: int, address: str | None = None
) -> Iterator[Annotated]:
    """Annotate batches on several workers, each with a CPU, or a GPU where the job has one.

    A worker that dies is started again and its batches repeated; one that they kill four times ends the run.

    job (Job): What to do.
    done (Counts): What is done of it.
    workers (int): Processes with a pipeline each.
    address (Optional[str]): Of a cluster; None starts Ray on this machine, with a CPU more, for reading.
    YIELDS (Annotated): Each other batch's result, in order.
    RAISES (ValueError): If what is done was another input, or Ray cannot do it.
    """
    if job.source.path == STDIN:
        raise ValueError("Ray may read the input more than once: give a file, not standard input.")
    job = replace(
        job,
        model=str(Path(job.model).resolve()) if Path(job.model).is_dir() else job.model,
        source=replace(job.source, path=str(Path(job.source.path).resolve())),
    )
    if done.batches:  # An error in Ray's task would be no clear one.
        open_batches(job.source, job.batch_size, skip=done.batches, digest=done.digest)
    with _ray(workers, address):
        context = DataContext.get_current()
        context.execution_options.preserve_order = True
        context.target_max_block_size = (
            1  # Blocks of one row; else small batches are joined and go to one worker.
        )
        context.enable_progress_bars = False
        context.print_on_execution_start = False
        logging.getLogger("ray.data").setLevel(logging.WARNING)
        gpus = int(job.gpu_id >= 0)
        if not address and ray.cluster_resources().get("GPU", 0) < gpus * workers:  # Ray would wait for ever
            raise ValueError(f"Ray finds less than {workers} GPUs on this machine; set --workers.")
        warnings.filterwarnings("ignore", category=RayDeprecationWarning, message=".*ray_remote_args")
        results = ray.data.read_datasource(
            Batches(job, done),
            override_num_blocks=1,
            num_cpus=1,
            label_selector={"ray.io/node-id": ray.get_runtime_context().get_node_id()},
        ).map_batches(
            Annotator,
            fn_constructor_args=(job,),
            batch_size=1,
            batch_format="pyarrow",
            compute=ActorPoolStrategy(size=workers, max_tasks_in_flight_per_actor=2),
            num_cpus=1,
            num_gpus=gpus,
            # Named so until Ray 2.64; its own default is to try for ever.
            max_restarts=-1,
            max_task_retries=3,
        )
        try:
            for table in results.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=0):
                for data in table[_COLUMN]:
                    yield pickle.loads(data.as_py())
        except ray.exceptions.RayError as e:
            raise ValueError(f"Ray could not go on: {e}") from e


class Batches(Datasource):
    """A source's batches, read in order by a single task, which stops while Ray has enough of them."""

    def __init__(self, job: Job, done: Counts) -> None:
        """
        job (Job): Whose source it is.
        done (Counts): What to pass over.
        """
        super().__init__()
        self._job = job
        self._done = done

    def estimate_inmemory_data_size(self) -> int | None:
        """RETURNS (None): It is unknown."""
        return None

    def get_read_tasks(self, parallelism: int, *args: Any, **kwargs: Any) -> list[ReadTask]:
        """RETURNS (list[ReadTask]): One."""
        job, done = self._job, self._done

        def read() -> Iterator[pa.Table]:
            for batch in open_batches(job.source, job.batch_size, skip=done.batches, digest=done.digest):
                yield _row(batch)

        return [ReadTask(read, BlockMetadata(None, None, None, None))]


class Annotator:
    """What a worker runs: it loads the pipeline once."""

    def __init__(self, job: Job) -> None:
        """job (Job): What to do."""
        self._job = job
        # Ray shows each worker its own GPU alone.
        self._nlp = load(job.model, 0 if job.gpu_id >= 0 else -1)

    def __call__(self, table: pa.Table) -> pa.Table:
        """Annotate a batch.

        table (Table): One row with a Batch.
        RETURNS (Table): One row with an Annotated.
        """
        source = self._job.source
        batch = pickle.loads(table[_COLUMN][0].as_py())
        return _row(
            annotate_batch(
                self._nlp, batch, field=source.field, ents_field=source.ents_field, as_docs=self._job.as_docs
            )
        )


@contextmanager
def _ray(workers: int, address: str | None) -> Iterator[None]:
    """Use a Ray that is there, or start one and end it."""
    if ray.is_initialized():
        yield
        return
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # it would call home
    settings: dict[str, Any] = {} if address else {"num_cpus": workers + 1, "include_dashboard": False}
    try:
        ray.init(address or "local", logging_level=logging.WARNING, log_to_driver=False, **settings)
    except (ConnectionError, RuntimeError) as e:
        raise ValueError(f"There is no Ray at {address or 'this machine'}: {e}") from e
    try:
        yield
    finally:
        ray.shutdown()


def _row(value: object) -> pa.Table:
    return pa.table({_COLUMN: pa.array([pickle.dumps(value)], pa.large_binary())})
