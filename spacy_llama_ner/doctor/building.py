"""Build the pipeline with its weights, as `spacy train` does before the first step."""

import time
from dataclasses import dataclass, field

from spacy.language import Language
from spacy.training.initialize import init_nlp

from spacy_llama_ner.doctor.check import SKIPPED, Check, failure, gigabytes
from spacy_llama_ner.doctor.peak import watch_memory
from spacy_llama_ner.doctor.plan import Plan


@dataclass
class Built:
    """What came of it.

    checks (List[Check]): In words.
    pipelines (List[Language]): The pipeline; none if it could not be built.
    """

    checks: list[Check]
    pipelines: list[Language] = field(default_factory=list)


def build(plan: Plan, gpu_id: int) -> Built:
    """Load the backbone and put new adapters, head and CRF on it; the canary runs on the weights meanwhile.

    plan (Plan): The config.
    gpu_id (int): The GPU, or -1.
    RETURNS (Built): The pipeline, or what failed.
    """
    start = time.perf_counter()
    try:
        with watch_memory() as peak:
            nlp = init_nlp(plan.config, use_gpu=gpu_id)
    except Exception as error:  # the libraries raise all kinds
        if str(error).startswith("attention"):
            return Built([failure("attention canary", error)])
        return Built(
            [failure("building the network", error), Check("attention canary", "not reached", SKIPPED)]
        )
    seconds = time.perf_counter() - start
    settings = plan.shim.settings
    figures = {"seconds": seconds, "peak": peak.size}
    return Built(
        [
            Check(
                "building the network",
                f"{seconds:.1f} s, {gigabytes(peak.size)} at the peak",
                figures=figures,
            ),
            Check(
                "attention canary",
                f'on these weights: "{settings.attention}", and nothing leaks from padding',
            ),
        ],
        [nlp],
    )
