"""`package`: build a pipeline's wheel, and this project's."""

from functools import partial
from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from spacy_llama_ner.cli import app
from spacy_llama_ner.cli.console import msg, show_tables, user_errors
from spacy_llama_ner.cli.paragraphs import read_paragraphs
from spacy_llama_ner.release.kinds import Kind


@app.command("package")
def package_cli(
    model_dir: Annotated[Path, Argument(help="Pipeline's folder")],
    output_dir: Annotated[Path, Argument(help="Folder that gets LANG_NAME-VERSION/dist/*.whl")],
    name: Annotated[str, Option("--name", "-n", help="Package name, without the language")] = "llama_crf_ner",
    version: Annotated[str, Option("--version", "-v", help="Package version")] = "0.1.0",
    kind: Annotated[
        Kind,
        Option(
            "--kind",
            "-k",
            help="light: the backbone by name; full: adapters merged into it, inside in bfloat16; as-is: as saved",
        ),
    ] = Kind.as_is,
    dev: Annotated[
        Path | None,
        Option(
            help="light, full: an annotated corpus, a .spacy file, to compare predictions with the original's on"
        ),
    ] = None,
    texts: Annotated[Path, Option("--texts", "-t", help="The same without --dev: sample paragraphs")] = Path(
        "assets/samples.txt"
    ),
    tolerance: Annotated[
        float, Option(help="light, full: by how much a score from 0 to 1 may differ from the original's")
    ] = 0.05,
    accept_differences: Annotated[
        bool,
        Option("--accept-differences", help="light, full: package it with other entities or scores, too"),
    ] = False,
    gpu_id: Annotated[
        int, Option("--gpu-id", "-g", help="light, full: predict on a GPU; -1 is the CPU")
    ] = -1,
    metrics: Annotated[
        Path | None, Option("--metrics", "-m", help="Scores, as `evaluate` wrote them")
    ] = None,
    about: Annotated[
        Path | None, Option("--about", "-a", help="Description, licence and sources (JSON)")
    ] = None,
    corpus: Annotated[
        Path | None, Option("--corpus", help="What `convert` reported of the training corpus (JSON)")
    ] = None,
    with_project: Annotated[
        bool, Option("--with-project", help="In a checkout: build this project's wheel too")
    ] = False,
    project_output: Annotated[Path, Option("--project-output", help="Folder of this project's wheel")] = Path(
        "dist"
    ),
) -> None:
    """Build an installable pipeline: meta, model card, wheel; with or without its backbone, or merged into it."""
    with user_errors("Packaging failed"):
        from spacy_llama_ner.release.meta import read_about, read_metrics, with_corpus
        from spacy_llama_ner.release.package import package_pipeline
        from spacy_llama_ner.release.wheel import build_project_wheel, check_requires_project

        package = partial(
            package_pipeline,
            model_dir,
            output_dir,
            name=name,
            version=version,
            about=with_corpus(read_about(about), corpus),
            metrics=read_metrics(metrics),
        )
        if kind == Kind.as_is:
            wheel = package()
        else:
            write = partial(
                _write_and_compare,
                kind=kind,
                inputs=read_paragraphs(texts) if dev is None else _checked_corpus(dev),
                tolerance=tolerance,
                accept=accept_differences,
                gpu_id=gpu_id,
            )
            wheel = package(write=write)
        msg.good(f"Built {wheel} ({_megabytes(wheel)} MB)", f"It requires {check_requires_project(wheel)}")
        if with_project:
            project_wheel = build_project_wheel(Path.cwd(), project_output)
            msg.good(f"Built {project_wheel} ({_megabytes(project_wheel)} MB)")


def _write_and_compare(
    model_dir: Path,
    output_dir: Path,
    *,
    kind: Kind,
    inputs: Path | list[str],
    tolerance: float,
    accept: bool,
    gpu_id: int,
) -> None:
    """Write the pipeline that goes into the package, and hold it against the original.

    RAISES (ReleaseError): If it predicts otherwise and that is not accepted.
    """
    from spacy_llama_ner.release.difference import compare_entities, objections, score_difference
    from spacy_llama_ner.release.errors import ReleaseError
    from spacy_llama_ner.release.kind_tables import cost_table
    from spacy_llama_ner.release.kinds import sizes, write_kind
    from spacy_llama_ner.release.trial import try_pipeline

    write_kind(kind, model_dir, output_dir)
    original = {**sizes(model_dir), **try_pipeline(model_dir, inputs, gpu_id=gpu_id)}
    packaged = {**sizes(output_dir), **try_pipeline(output_dir, inputs, gpu_id=gpu_id)}
    show_tables([cost_table({"original": original, str(kind): packaged})])
    comparison = compare_entities(original["entities"], packaged["entities"])
    where = f"{comparison['texts']:,} texts of {inputs if isinstance(inputs, Path) else 'the samples'}"
    if found := objections(comparison, tolerance=tolerance):
        reasons = "\n".join(found)
        if not accept:
            raise ReleaseError(
                f"The {kind} pipeline does not predict as the original one does in {where}.\n{reasons}\n"
                "Nothing was packaged. If this is good enough for you: --accept-differences, or a larger --tolerance."
            )
        msg.warn(f"Accepted: the {kind} pipeline predicts otherwise in {where}")
        print(reasons)
        return
    largest = comparison["largest"]
    scores = (
        "none has a score" if largest is None else f"largest score difference {score_difference(largest):.1e}"
    )
    msg.good(f"Same {comparison['entities']:,} entities in {where} ({scores}, tolerance {tolerance:g})")


def _checked_corpus(path: Path) -> Path:
    """RETURNS (Path): The same, before anything is merged or loaded. RAISES (ValueError): If it cannot be read."""
    from spacy.vocab import Vocab

    from spacy_llama_ner.evaluation.examples import read_gold

    read_gold(path, Vocab())
    return path


def _megabytes(path: Path) -> str:
    return f"{path.stat().st_size / 1e6:.1f}"
