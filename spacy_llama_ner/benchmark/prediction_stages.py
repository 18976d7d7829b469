"""Where the time of a prediction goes, stage by stage, and how much of what the backbone reads is padding."""

import gc
import time
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from spacy.language import Language
from spacy.util import minibatch

from spacy_llama_ner.network.batching import backbone_groups

TOKENS = "spaCy's tokenizer"
WINDOWS = "pieces, alignment, windows"
BACKBONE = "padding, forward pass, head"
CRF = "CRF: best tags, scores"
SPANS = "entities into the doc"
STAGES = (TOKENS, WINDOWS, BACKBONE, CRF, SPANS)


def time_stages(nlp: Language, name: str, texts: Sequence[str]) -> dict[str, float]:
    """Read texts as `nlp.pipe` does, one stage after the other.

    nlp (Language): The pipeline.
    name (str): Its component `llama_crf_ner`, its only one.
    texts (Sequence[str]): The texts, in batches of `nlp.batch_size`.
    RETURNS (dict[str, float]): The process's own seconds by stage.
    """
    pipe: Any = nlp.get_pipe(name)
    network, budget = pipe.shim.network, pipe.shim.running.max_batch_pieces
    seconds = dict.fromkeys(STAGES, 0.0)
    gc.collect()  # else what others have left is collected in whatever stage comes by
    for batch in minibatch(texts, nlp.batch_size):
        times = [time.process_time()]
        docs = [nlp.make_doc(text) for text in batch]
        times.append(time.process_time())
        windows = pipe.shim.windows(docs)
        times.append(time.process_time())
        emissions = network.predict(windows, max_batch_pieces=budget)
        times.append(time.process_time())
        found = pipe.decode(docs, emissions, temperature=pipe.temperature)
        times.append(time.process_time())
        pipe.set_annotations(docs, found)
        times.append(time.process_time())
        for stage, start, end in zip(STAGES, times[:-1], times[1:], strict=True):
            seconds[stage] += end - start
    return seconds


def padding_share(batches: Iterable[Sequence[int]], budget: int, dtype: torch.dtype) -> float:
    """Compute how much of what the backbone reads on a CPU is padding.

    batches (Iterable[Sequence[int]]): Pieces of each window of what is read at once.
    budget (int): `max_batch_pieces`.
    dtype (dtype): What it computes in.
    RETURNS (float): From 0 to below 1.
    """
    real = padded = 0
    for lengths in batches:
        real += sum(lengths)
        for group in backbone_groups(lengths, budget, torch.device("cpu"), dtype):
            padded += len(group) * max(lengths[index] for index in group)
    return 1 - real / padded
