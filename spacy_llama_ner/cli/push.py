"""`push`: publish a packaged pipeline on the Hugging Face hub."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from spacy_llama_ner.cli import app
from spacy_llama_ner.cli.console import msg, user_errors

if TYPE_CHECKING:
    from spacy_llama_ner.release.upload import Upload


@app.command("push")
def push_cli(
    package: Annotated[Path, Argument(help="Wheel, or folder LANG_NAME-VERSION, that `package` wrote")],
    repository: Annotated[str, Argument(help="owner/name on the hub; made if missing")],
    private: Annotated[bool, Option("--private", help="Make a new repository private")] = False,
    revision: Annotated[str, Option("--revision", "-r", help="Branch; made if missing")] = "main",
    message: Annotated[
        str | None, Option("--message", "-m", help="Message of the commit, else name and version")
    ] = None,
    project_wheel: Annotated[
        Path | None,
        Option("--project-wheel", help="Wheel of spacy_llama_ner to send along, where no index has it"),
    ] = None,
    replace: Annotated[
        bool, Option("--replace", help="Remove all other files of the branch, another pipeline's too")
    ] = False,
    dry_run: Annotated[
        bool, Option("--dry-run", help="Show files, sizes and model card, and send nothing")
    ] = False,
) -> None:
    """Publish a packaged pipeline on the Hugging Face hub, in one commit. Log in by `hf auth login` or HF_TOKEN."""
    with user_errors("Push failed"):
        from spacy_llama_ner.release.push import push
        from spacy_llama_ner.release.upload import prepare_upload

        with prepare_upload(package, repository, revision=revision, project_wheel=project_wheel) as upload:
            _show_upload(upload, every_file=dry_run)
            if dry_run:
                print(f"\n{upload.card}")
                msg.info(f"Nothing was sent to {repository}")
                return
            result = push(upload, private=private, message=message, replace=replace)
        _show_result(upload, result)


def _show_upload(upload: "Upload", *, every_file: bool) -> None:
    sizes = upload.sizes()
    if every_file:
        rows = [(place, _megabytes(size)) for place, size in sizes.items()]
        msg.table(rows, header=("File", "MB"), aligns=("l", "r"), divider=True, max_col=80)
    msg.info(
        f"{upload.package} {upload.version}: {len(sizes)} files, {_megabytes(sum(sizes.values()))} MB, for "
        f"{upload.repo_id}, branch {upload.revision}"
    )
    for backbone in upload.backbones:
        place = "inside" if backbone.inside else "by reference, each user gets it from the hub"
        msg.text(f"Backbone {backbone.public_name}: {place}")
    for warning in upload.warnings:
        msg.warn(warning)


def _show_result(upload: "Upload", result: dict) -> None:
    if removed := result["removed"]:
        msg.info(
            f"Removed {len(removed)} files that {upload.package} {upload.version} lacks", ", ".join(removed)
        )
    if result["changed"]:
        msg.good(f"Pushed to {result['url']}", f"Commit {result['commit']}")
    else:
        msg.good(f"{result['url']} has exactly this already", f"Commit {result['commit']}")
    branch = "" if upload.revision == "main" else f', revision="{upload.revision}"'
    download = f'snapshot_download("{upload.repo_id}"{branch}, ignore_patterns="*.whl")'
    if result["private"]:
        print("\npip cannot install from a private repository. Logged in, in Python:")
    else:
        print(f"\nInstall it:\n{upload.install}\n\nOr use it without installing, in Python:")
    print(f"import spacy\nfrom huggingface_hub import snapshot_download\nnlp = spacy.load({download})")


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.2f}"
