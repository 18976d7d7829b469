"""The command line. One module per command; each command prints, everything below it logs."""

import typer

app = typer.Typer(
    name="spacy_llama_ner",
    help="Named-entity recognition in spaCy with a Llama backbone, LoRA and a CRF.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

# Each module registers its command on `app`, so it has to come after it.
from spacy_llama_ner.cli import (  # noqa: E402, F401
    ablate,
    analyze,
    annotate,
    bench,
    bench_annotate,
    bench_crf,
    bench_growth,
    bench_loading,
    bench_prediction,
    bench_summary,
    bench_training,
    build_corpus,
    calibrate,
    check_corpus,
    clean,
    compare,
    convert,
    demo,
    doctor,
    evaluate,
    package,
    pretrain,
    prompt,
    push,
    quantize,
    report,
    smoke,
    split_corpus,
)
