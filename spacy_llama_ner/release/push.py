"""Send a packaged pipeline to the Hugging Face hub, in one commit."""

import json
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from spacy_llama_ner.release.errors import ReleaseError
from spacy_llama_ner.release.upload import Upload
from spacy_llama_ner.release.upload_errors import no_token, upload_errors

if TYPE_CHECKING:
    from huggingface_hub import HfApi

logger = logging.getLogger(__name__)

# What the hub puts into a new repository.
EMPTY = {".gitattributes", "README.md"}


@dataclass(frozen=True)
class Target:
    """What is on the hub before a push.

    exists (bool): Whether there is such a repository.
    private (bool): Whether it is private.
    commit (str | None): Commit of the branch; None if there is no such branch.
    files (frozenset[str]): Files of the branch, or of `main` if it will be made from that.
    package (str | None): Name of the pipeline that is there.
    folders (frozenset[str]): Folders of that pipeline.
    """

    exists: bool = False
    private: bool = False
    commit: str | None = None
    files: frozenset[str] = frozenset()
    package: str | None = None
    folders: frozenset[str] = frozenset()


def push(
    upload: Upload, *, private: bool = False, message: str | None = None, replace: bool = False
) -> dict[str, object]:
    """Make one commit of a pipeline's files on the hub; the repository and the branch are created if missing.

    upload (Upload): What `prepare_upload` gave.
    private (bool): Make a new repository private.
    message (str | None): The commit's message.
    replace (bool): Remove every other file of the branch. Without it, those of an earlier version of the same
        pipeline are removed which the new one lacks, its wheels and all others are kept, and a repository with anything
        else is refused.
    RETURNS (dict): `url` of the repository, `commit`, `changed` (False if the hub had the same already), `private`, and
        `removed`, a list of files.
    RAISES (ReleaseError): If there is no token, the hub refuses it, or the upload breaks; the repository then has
        nothing of it.
    """
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, constants, get_token

    if get_token() is None:
        raise no_token()
    api = HfApi(library_name="spacy-llama-ner")
    with upload_errors(upload.repo_id):
        target = _look(api, upload)
        _check_target(target, upload, private=private, replace=replace)
        removed = _leftovers(target, upload, replace=replace)
        if not target.exists:
            api.create_repo(upload.repo_id, private=private or None, exist_ok=True)
        if target.commit is None and upload.revision != "main":
            api.create_branch(upload.repo_id, branch=upload.revision, exist_ok=True)
        additions = [CommitOperationAdd(place, path) for place, path in upload.files.items()]
        deletions = [CommitOperationDelete(place, is_folder=False) for place in removed]
        commit = api.create_commit(
            upload.repo_id,
            [*deletions, *additions],
            commit_message=message or f"{upload.package} {upload.version}",
            revision=upload.revision,
        )
        logger.info("Pushed %s", commit.commit_url)
    return {
        "url": f"{constants.ENDPOINT}/{upload.repo_id}",
        "commit": commit.oid,
        "changed": commit.oid != target.commit,
        "private": target.private if target.exists else private,
        "removed": removed,
    }


def _look(api: "HfApi", upload: Upload) -> Target:
    """See what is there; a repository that is not there and one that the token may not see look the same."""
    from huggingface_hub.errors import RepositoryNotFoundError, RevisionNotFoundError

    repo_id, has_branch = upload.repo_id, True
    try:
        try:
            info = api.model_info(repo_id, revision=upload.revision)
        except RevisionNotFoundError:
            info, has_branch = api.model_info(repo_id), False
    except RepositoryNotFoundError:
        return Target()
    files = frozenset(entry.rfilename for entry in info.siblings or ())
    meta = {}
    if "meta.json" in files:
        path = Path(api.hf_hub_download(repo_id, "meta.json", revision=info.sha))
        meta = _read_object(path)
    return Target(
        exists=True,
        private=bool(info.private),
        commit=info.sha if has_branch else None,
        files=files,
        package=f"{meta.get('lang')}_{meta.get('name')}" if meta else None,
        folders=frozenset(meta.get("components") or ()) | {"vocab"},
    )


def _read_object(path: Path) -> dict:
    """Read what may be anybody's meta.json."""
    try:
        content = json.loads(path.read_text(encoding="utf8"))
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def _check_target(target: Target, upload: Upload, *, private: bool, replace: bool) -> None:
    if private and target.exists and not target.private:
        raise ReleaseError(
            f"{upload.repo_id} exists and is public: --private is for a new repository. Make it private in its "
            "settings on the hub first, or choose another name."
        )
    if not replace and target.package != upload.package and not target.files <= EMPTY:
        others = sorted(target.files - EMPTY)
        what = (
            f"the pipeline {target.package}"
            if target.package
            else f"{len(others)} files, such as {others[0]!r}"
        )
        raise ReleaseError(
            f"{upload.repo_id} has something else in it: {what}. Choose another name, or give --replace to remove "
            f"what is there and put {upload.package} in its place (it stays in the repository's history)."
        )


def _leftovers(target: Target, upload: Upload, *, replace: bool) -> list[str]:
    """Find what has to go, for spaCy and the checksums take a pipeline's folders as they are."""
    others = target.files - upload.files.keys()
    if replace:
        return sorted(others - EMPTY)
    folders = target.folders | _folders(upload.files)
    return sorted(place for place in others if "/" in place and place.split("/")[0] in folders)


def _folders(places: Iterable[str]) -> set[str]:
    return {place.split("/")[0] for place in places if "/" in place}
