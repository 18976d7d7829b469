"""Which format a file has, by its name."""

from pathlib import Path

INPUT_FORMATS = ("txt", "jsonl", "csv", "tsv", "parquet")
OUTPUT_FORMATS = ("jsonl", "parquet", "spacy", "folder")
STDIN = "-"


def input_format(path: str, given: str | None = None) -> str:
    """Choose the format of an input.

    path (str): A file, or "-" for standard input.
    given (Optional[str]): What the user says it is.
    RETURNS (str): One of INPUT_FORMATS.
    RAISES (ValueError): If it is unknown, or cannot be read from standard input.
    """
    name = Path(path).name.removesuffix(".gz")
    chosen = given or ("txt" if path == STDIN else Path(name).suffix.removeprefix(".").lower())
    if chosen not in INPUT_FORMATS:
        raise ValueError(
            f"{path}: the input format {chosen!r} is unknown; say with --input-format which of "
            f"{', '.join(INPUT_FORMATS)} it is."
        )
    if chosen == "parquet" and (path == STDIN or path.endswith(".gz")):
        raise ValueError(f"{path}: Parquet is read from a plain file, not from standard input or a .gz file.")
    return chosen


def output_format(path: str, given: str | None = None) -> str:
    """Choose the format of an output.

    path (str): A file, or a folder.
    given (Optional[str]): What the user says it is.
    RETURNS (str): One of OUTPUT_FORMATS: "spacy" is one DocBin, "folder" a folder of DocBins.
    RAISES (ValueError): If it is unknown.
    """
    suffix = Path(path).suffix.removeprefix(".").lower()
    chosen = given or (suffix or "folder")
    if chosen not in OUTPUT_FORMATS:
        raise ValueError(
            f"{path}: the output format {chosen!r} is unknown; name a file .jsonl, .parquet or .spacy, or a folder "
            f"(a name without a suffix) for many .spacy files, or say --output-format {'|'.join(OUTPUT_FORMATS)}."
        )
    return chosen
