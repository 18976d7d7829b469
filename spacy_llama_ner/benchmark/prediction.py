"""`nlp.pipe` beside spaCy's transformer pipeline, and beside the bare forward pass of our backbone."""

import copy
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import spacy
import torch
from spacy.language import Language
from spacy.tokens import Doc
from spacy.util import minibatch

from spacy_llama_ner.benchmark.figures import Figure, make_report
from spacy_llama_ner.benchmark.prediction_stages import STAGES, padding_share, time_stages
from spacy_llama_ner.benchmark.timing import ratio, time_in_turns
from spacy_llama_ner.evaluation.examples import predict, read_gold
from spacy_llama_ner.evaluation.metrics import evaluate
from spacy_llama_ner.evaluation.tables import Table
from spacy_llama_ner.network.batching import MOST_ON_CPU, START_ON_CPU, cheapest_groups, pad_ids

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
LEAST_BESIDE_PEER = {"float32": 2.2, "bfloat16": 4.5}
LEAST_OF_BARE = {"float32": 0.85, "bfloat16": 0.7}
MOST_F1_CHANGE = 0.1


def measure_prediction(
    ours: str, peer: str, corpora: Mapping[str, Path], *, words: int, rounds: int, f1: bool = True
) -> dict[str, Any]:
    """Read the same texts with both pipelines, ours in both dtypes, and with our bare backbone.

    ours, peer (str): Pipelines over the same backbone; the peer is one of spaCy's, with `transformer` and `ner`.
    corpora (Mapping[str, Path]): DocBins by the name of their unit, such as "sentences".
    words (int): About how many words of each are read in a round.
    rounds (int): Rounds that count, in turns, after one that does not.
    f1 (bool): Whether the F1 of both dtypes is measured, on the whole corpora.
    RETURNS (dict): A report, see `make_report`.
    RAISES (ValueError): If a pipeline or a corpus cannot be read.
    """
    (name,) = [
        name for name, factory in spacy.load(ours).pipe_factories.items() if factory == "llama_crf_ner"
    ]
    setting = f"components.{name}.model.predict_dtype"
    pipelines = {dtype: spacy.load(ours, config={setting: dtype}) for dtype in DTYPES}
    theirs = spacy.load(peer)
    figures, rows, shares, padding = [], [], [], []
    for unit, path in corpora.items():
        gold = read_gold(path, theirs.vocab)
        docs = first_words(gold, words)
        texts, count = [doc.text for doc in docs], sum(map(len, docs))
        shim: Any = pipelines["float32"].get_pipe(name).shim  # type: ignore[attr-defined]
        batches = [shim.windows(list(batch)).windows for batch in minibatch(docs, theirs.batch_size)]
        windows = [window for batch in batches for window in batch]
        lengths = [[len(window) for window in batch] for batch in batches]
        padding += [
            f"{padding_share(lengths, shim.running.max_batch_pieces, DTYPES[dtype]):.1%} of {unit} in {dtype}"
            for dtype in DTYPES
        ]
        jobs: dict[str, Callable[[], object]] = {"spaCy": partial(read, theirs, texts)}
        for dtype, nlp in pipelines.items():
            jobs[dtype] = partial(read, nlp, texts)
            trunk = nlp.get_pipe(name).shim.network.trunk  # type: ignore[attr-defined]
            bare = copy.deepcopy(trunk).to(DTYPES[dtype])
            jobs[f"bare {dtype}"] = partial(forward, bare, windows, DTYPES[dtype])
        seconds = time_in_turns(jobs, rounds=rounds, clock=time.process_time)
        for dtype, nlp in pipelines.items():
            stages = time_stages(nlp, name, texts)
            total = sum(stages.values())
            shares.append((unit, dtype, *(f"{stages[stage] / total:.1%}" for stage in STAGES)))
        rows += [
            (unit, job, f"{count / statistics.median(times):,.0f}", f"{ratio(seconds['spaCy'], times):.2f}")
            for job, times in seconds.items()
        ]
        for dtype in DTYPES:
            figures += [
                Figure(
                    f"{unit}, {dtype}, against spaCy",
                    ratio(seconds["spaCy"], seconds[dtype]),
                    LEAST_BESIDE_PEER[dtype],
                ),
                Figure(
                    f"{unit}, {dtype}, of the bare forward pass",
                    ratio(seconds[f"bare {dtype}"], seconds[dtype]),
                    LEAST_OF_BARE[dtype],
                    "",
                ),
            ]
        if f1:
            wide, narrow = (
                100 * evaluate(predict(nlp, gold)[0])["seqeval"]["f1"] for nlp in pipelines.values()
            )
            figures.append(
                Figure(
                    f"{unit}, change of F1 by bfloat16", abs(wide - narrow), MOST_F1_CHANGE, "", least=False
                )
            )
    notes = [
        "Seconds of the process's own time on one thread, medians of rounds in turns. The bare forward pass reads our "
        "windows, sorted over all texts, in groups that cost least; words are those of the texts, so that windows that "
        "overlap count on both sides."
    ]
    return make_report(
        "prediction",
        figures,
        [
            Table("Speed", ("texts", "", "words/s", "of spaCy's"), rows, notes),
            Table(
                "Where the time goes",
                ("texts", "", *STAGES),
                shares,
                [f"One reading, stage by stage. Padding, of the pieces that are read: {'; '.join(padding)}."],
            ),
        ],
        settings={"words": words, "rounds": rounds},
    )


def first_words(docs: Sequence[Doc], words: int) -> list[Doc]:
    """RETURNS (list[Doc]): The first docs, until they have so many words."""
    found: list[Doc] = []
    count = 0
    for doc in docs:
        if count >= words:
            break
        found.append(doc)
        count += len(doc)
    return found


def read(nlp: Language, texts: Sequence[str]) -> None:
    """Let a pipeline read texts, and drop the docs."""
    for _doc in nlp.pipe(texts):
        pass


def forward(trunk: Any, windows: Sequence[Sequence[int]], dtype: torch.dtype) -> None:
    """Let a bare backbone read windows of pieces, sorted over all of them, in groups that cost least in its dtype."""
    device, lengths = torch.device("cpu"), [len(window) for window in windows]
    with torch.inference_mode():
        for group in cheapest_groups(lengths, MOST_ON_CPU[dtype], start=START_ON_CPU[dtype]):
            ids, mask = pad_ids([windows[index] for index in group], device)
            trunk(input_ids=ids, attention_mask=mask)
