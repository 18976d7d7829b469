"""Read sample texts."""

import re
from pathlib import Path


def read_paragraphs(path: Path) -> list[str]:
    """Read a file's paragraphs, which blank lines part; line breaks within one become spaces.

    path (Path): A text file in UTF-8.
    RETURNS (list[str]): At least one text.
    RAISES (FileNotFoundError): If there is no such file.
    RAISES (ValueError): If it holds no text.
    """
    if not path.is_file():
        raise FileNotFoundError(
            f"No file {path}: expected a text file with paragraphs parted by blank lines."
        )
    paragraphs = [" ".join(part.split()) for part in re.split(r"\n\s*\n", path.read_text(encoding="utf8"))]
    paragraphs = [paragraph for paragraph in paragraphs if paragraph]
    if not paragraphs:
        raise ValueError(f"{path} holds no text.")
    return paragraphs
