"""Write a small corpus of markup, as `build-corpus` reads it."""

import json
from collections.abc import Mapping
from pathlib import Path

NAMES = ("001-a", "002-b", "003-c")  # train, dev, test
SPLITS = {"dev": ["002-b"], "test": ["003-c"]}


def write_markup_folder(
    folder: Path,
    *texts: str,
    labels: Mapping[str, str] | None = None,
    unmarked: Mapping[str, str] | None = None,
    second: Mapping[str, str] | None = None,
) -> Path:
    """Write articles of train, dev and test (those not given hold one sentence without a name), explanations if
    any are given, and a second annotation by article name.
    """
    (folder / "articles").mkdir()
    for name, text in zip(NAMES, (*texts, *["It rained .\n"] * (3 - len(texts))), strict=True):
        (folder / "articles" / f"{name}.txt").write_text(text, encoding="utf-8", newline="")
    (folder / "splits.json").write_text(json.dumps(SPLITS), encoding="utf-8")
    if labels is not None or unmarked is not None:
        content = {"labels": labels or {}, "unmarked": unmarked or {}}
        (folder / "ambiguous.json").write_text(json.dumps(content), encoding="utf-8")
    if second is not None:
        (folder / "second").mkdir()
        for name, text in second.items():
            (folder / "second" / f"{name}.txt").write_text(text, encoding="utf-8", newline="")
    return folder
