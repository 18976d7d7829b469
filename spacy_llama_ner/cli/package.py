"""`package`: build a pipeline's wheel, and this project's."""

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from spacy_llama_ner.cli import app
from spacy_llama_ner.cli.console import msg, user_errors


@app.command("package")
def package_cli(
    model_dir: Annotated[Path, Argument(help="Pipeline's folder")],
    output_dir: Annotated[Path, Argument(help="Folder that gets LANG_NAME-VERSION/dist/*.whl")],
    name: Annotated[str, Option("--name", "-n", help="Package name, without the language")] = "llama_crf_ner",
    version: Annotated[str, Option("--version", "-v", help="Package version")] = "0.1.0",
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
    """Build an installable pipeline: meta, model card, wheel."""
    with user_errors("Packaging failed"):
        from spacy_llama_ner.release.meta import read_about, read_metrics, with_corpus
        from spacy_llama_ner.release.package import package_pipeline
        from spacy_llama_ner.release.wheel import build_project_wheel, check_requires_project

        wheel = package_pipeline(
            model_dir,
            output_dir,
            name=name,
            version=version,
            about=with_corpus(read_about(about), corpus),
            metrics=read_metrics(metrics),
        )
        msg.good(f"Built {wheel} ({_megabytes(wheel)} MB)", f"It requires {check_requires_project(wheel)}")
        if with_project:
            project_wheel = build_project_wheel(Path.cwd(), project_output)
            msg.good(f"Built {project_wheel} ({_megabytes(project_wheel)} MB)")


def _megabytes(path: Path) -> str:
    return f"{path.stat().st_size / 1e6:.1f}"
