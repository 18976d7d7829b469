"""`bench loading`: `spacy.load`, `to_disk` and the import."""

import tempfile
from pathlib import Path
from typing import Annotated

from typer import Option

from spacy_llama_ner.cli.bench import OUTPUT, bench, finish
from spacy_llama_ner.cli.console import user_errors


@bench.command("loading")
def bench_loading_cli(
    shape: Annotated[
        str, Option(help="Of the large backbone, made of random weights: llama-3.2-1b or tiny")
    ] = "llama-3.2-1b",
    config: Annotated[Path, Option(help="Training config of the large backbone's pipeline")] = Path(
        "configs/llama-3.2-1b.cfg"
    ),
    mini: Annotated[Path, Option(help="The small backbone, a Hugging Face folder")] = Path(
        "assets/llama-mini"
    ),
    mini_config: Annotated[Path, Option(help="Training config of the small backbone's pipeline")] = Path(
        "configs/mini.cfg"
    ),
    rounds: Annotated[int, Option(min=1, help="How often each is loaded, and loaded and saved")] = 3,
    import_rounds: Annotated[int, Option(min=1, help="Processes that import")] = 7,
    output: Annotated[Path, Option("--output", "-o", help="JSON file for the results")] = OUTPUT
    / "loading.json",
) -> None:
    """Load and save mini and a backbone of Llama-3.2-1B's size in new processes. Linux; minutes; 8 GB in TMPDIR."""
    with user_errors("Benchmark failed"), tempfile.TemporaryDirectory(prefix="loading-") as temporary:
        import torch

        from spacy_llama_ner.benchmark.loading import Cell, measure_loading
        from spacy_llama_ner.benchmark.make_backbone import SHAPES, make_backbone

        torch.set_num_threads(1)  # the processes have one, too
        if shape not in SHAPES:
            raise ValueError(f"--shape: expected one of {', '.join(SHAPES)}, got {shape!r}")
        for path in (config, mini, mini_config):
            if not path.exists():
                raise ValueError(f"{path} is not there: run this in a copy of the repository")
        work, large, tiny = (Path(temporary) / name for name in ("work", "large", "tiny"))
        work.mkdir()
        make_backbone(large, shape)
        make_backbone(tiny, "tiny")
        report = measure_loading(
            [
                Cell("mini", mini_config, mini, inside=True),
                Cell(f"{shape}, beside", config, large, inside=False),
                Cell(f"{shape}, inside", config, large, inside=True),
                # What a pipeline takes whatever its weights: it has next to none.
                Cell("two tiny layers", config, tiny, inside=True, has_bar=False),
            ],
            rounds=rounds,
            import_rounds=import_rounds,
            work=work,
            settings={"shape": shape, "config": str(config), "mini": str(mini)},
        )
    finish(report, output)
