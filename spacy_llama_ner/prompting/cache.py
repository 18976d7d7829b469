"""Keep answers on disk, so that an interrupted run goes on and a second one is free."""

import hashlib
import json
import logging
from dataclasses import asdict
from pathlib import Path
from typing import Any

from spacy_llama_ner.prompting.providers import Reply
from spacy_llama_ner.replacement import write_whole

logger = logging.getLogger("spacy_llama_ner")


class ReplyCache:
    """One file a request, named by the digest of all that the answer depends on. No key is ever in it.

    folder (Path): Made when the first answer is kept.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def read(self, request: dict[str, Any]) -> Reply | None:
        """Look a request up.

        request (dict): As JSON has it.
        RETURNS (Reply | None): None if there is no answer, or, with a warning, only a damaged one.
        """
        path = self._path(request)
        if not path.is_file():
            return None
        try:
            return Reply(**json.loads(path.read_text(encoding="utf8"))["reply"])
        except (ValueError, KeyError, TypeError):
            logger.warning("%s is damaged; the question is asked again.", path)
            return None

    def write(self, request: dict[str, Any], reply: Reply) -> None:
        """Keep an answer.

        request (dict): As JSON has it.
        reply (Reply): The answer.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps({"request": request, "reply": asdict(reply)}, ensure_ascii=False, indent=1)
        write_whole(self._path(request), text.encode())

    def _path(self, request: dict[str, Any]) -> Path:
        return self.folder / f"{digest_request(request)}.json"


def digest_request(request: dict[str, Any]) -> str:
    """RETURNS (str): SHA-256 of a request as JSON has it, in hex: equal ones have the same answer."""
    return hashlib.sha256(json.dumps(request, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
