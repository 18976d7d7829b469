"""Training with adapters in the top layers alone: what it is worth to keep the states of the layers below."""

import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from spacy_llama_ner.benchmark.figures import Figure
from spacy_llama_ner.benchmark.timing import ratio, time_in_turns
from spacy_llama_ner.benchmark.training_sides import Ours, Recipe
from spacy_llama_ner.benchmark.training_trainer import Theirs
from spacy_llama_ner.corpus.article import Sentence
from spacy_llama_ner.evaluation.tables import Table

LEAST_GAIN = 1.0  # what keeps states has to be worth it
MEGABYTES = 4096
KEPT, COMPUTED, THEIRS = "llama_crf_ner, states kept", "llama_crf_ner, computed each time", "Trainer + peft"


def measure_frozen(
    recipe: Recipe, sentences: Sequence[Sentence], *, top_layers: int, rounds: int, work: Path
) -> tuple[list[Figure], Table]:
    """Train with `cache_frozen_layers`, without it, and with `Trainer`, in turns, an epoch at a time.

    recipe (Recipe): What they have in common.
    sentences (Sequence[Sentence]): What they train on.
    top_layers (int): Adapters are in so many layers, from the last.
    rounds (int): Epochs after the first, in which the states are computed.
    work (Path): A folder that may be filled.
    RETURNS (tuple[list[Figure], Table]): What one epoch gains, and the seconds of each.
    RAISES (ValueError): If the backbone has no more layers than these.
    """
    top = {"lora_layers": top_layers}
    kept = Ours(recipe, sentences, settings={**top, "cache_frozen_layers": MEGABYTES})
    computed = Ours(recipe, sentences, settings=top)
    theirs = Theirs(recipe, sentences, adapted=computed.adapted(), work=work)
    sides: dict[str, Ours | Theirs] = {KEPT: kept, COMPUTED: computed, THEIRS: theirs}
    seconds = time_in_turns(
        {name: side.epoch for name, side in sides.items()},
        rounds=rounds + 1,
        warm_up=0,  # the first epoch is looked at by itself
        clock=time.process_time,
    )
    later = {name: values[1:] for name, values in seconds.items()}
    rows = [
        (
            name,
            f"{seconds[name][0]:.2f}",
            f"{median(later[name]):.2f}",
            f"{ratio(later[THEIRS], later[name]):.2f}x",
        )
        for name in sides
    ]
    network = kept.pipe.shim.network
    frozen = network.frozen_layers
    size = 0.0 if frozen is None else frozen.size / 2**20
    layers = network.trunk.config.num_hidden_layers
    notes = [
        f"Adapters in the last {top_layers} of {layers} layers, {kept.trained_weights():,} weights, else as above. The "
        f"states of the {layers - top_layers} layers below take {size:,.1f} MB for {len(sentences):,} sentences."
    ]
    gain = ratio(later[COMPUTED], later[KEPT])
    figure = Figure(
        f"epoch with adapters in the last {top_layers} of {layers} layers, states below kept",
        gain,
        LEAST_GAIN,
    )
    header = ("", "first epoch, s", "each later one, s", f"later ones, against {THEIRS}")
    return [figure], Table(f"Adapters in the last {top_layers} layers", header, rows, notes)
