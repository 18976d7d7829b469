"""Properties of an entity and its sentence that errors may depend on, each as a bucket's name."""

from collections.abc import Mapping, Sequence

ENTITY_LENGTH = "entity_length"
SENTENCE_LENGTH = "sentence_length"
SEEN = "seen"
CASING = "casing"
SENTENCE_CASING = "sentence_casing"
DOCUMENT_POSITION = "document_position"
LABEL = "label"
# Their order in tables.
FACTORS = (LABEL, ENTITY_LENGTH, SENTENCE_LENGTH, SEEN, CASING, SENTENCE_CASING, DOCUMENT_POSITION)

SEEN_SAME, SEEN_OTHER, UNSEEN = "seen with this label", "seen with another label", "unseen"
TITLE, UPPER, LOWER, MIXED, NO_CASE = "Title", "ALL CAPS", "lower", "Mixed", "no letters"
SENTENCE_UPPER, SENTENCE_NOT_UPPER = "ALL CAPS", "other"
# Least number of each bucket, and its name.
ENTITY_LENGTHS = ((1, "1"), (2, "2"), (3, "3"), (4, "4+"))
SENTENCE_LENGTHS = ((1, "1-5"), (6, "6-10"), (11, "11-20"), (21, "21-30"), (31, "31+"))
POSITIONS = ((1, "1"), (2, "2"), (3, "3-5"), (6, "6-10"), (11, "11+"))

# The order of the buckets; labels are in the alphabet's.
BUCKETS: dict[str, tuple[str, ...]] = {
    ENTITY_LENGTH: tuple(name for _, name in ENTITY_LENGTHS),
    SENTENCE_LENGTH: tuple(name for _, name in SENTENCE_LENGTHS),
    SEEN: (SEEN_SAME, SEEN_OTHER, UNSEEN),
    CASING: (TITLE, UPPER, LOWER, MIXED, NO_CASE),
    SENTENCE_CASING: (SENTENCE_UPPER, SENTENCE_NOT_UPPER),
    DOCUMENT_POSITION: tuple(name for _, name in POSITIONS),
}


def entity_buckets(
    words: Sequence[str], label: str, *, names: Mapping[str, set[str]] | None
) -> dict[str, str]:
    """Find the buckets that depend on the entity alone.

    words (Sequence[str]): Its tokens.
    label (str): Its label.
    names (Mapping[str, set[str]] | None): Labels of each name of the training corpus, see `collect_names`; without
        it there is no bucket for `SEEN`.
    RETURNS (dict[str, str]): Factor -> bucket.
    """
    buckets = {LABEL: label, ENTITY_LENGTH: _range(len(words), ENTITY_LENGTHS), CASING: casing(words)}
    if names is not None:
        # As `collect_names` writes names.
        known = names.get(" ".join(word for word in words if not word.isspace()), set())
        buckets[SEEN] = SEEN_SAME if label in known else SEEN_OTHER if known else UNSEEN
    return buckets


def sentence_buckets(words: Sequence[str], *, number: int | None) -> dict[str, str]:
    """Find the buckets that depend on the sentence.

    words (Sequence[str]): Its tokens.
    number (int | None): Its number in the Doc, from 1; None where Docs are single sentences.
    RETURNS (dict[str, str]): Factor -> bucket.
    """
    upper = " ".join(words).isupper()
    buckets = {
        SENTENCE_LENGTH: _range(len(words), SENTENCE_LENGTHS),
        SENTENCE_CASING: SENTENCE_UPPER if upper else SENTENCE_NOT_UPPER,
    }
    if number is not None:
        buckets[DOCUMENT_POSITION] = _range(number, POSITIONS)
    return buckets


def casing(words: Sequence[str]) -> str:
    """Tell how a name is written.

    words (Sequence[str]): Its tokens.
    RETURNS (str): `TITLE` if words begin with capitals and go on in lower case, except small words after the first
        ("Bank of England"); `UPPER` or `LOWER` if all letters are; `NO_CASE` without letters; else `MIXED`.
    """
    text = " ".join(words)
    if text.upper() == text.lower():
        return NO_CASE
    if text.isupper():
        return UPPER
    if text.islower():
        return LOWER
    first, *others = words
    titled = _is_title(first) and all(_is_title(word) or word == word.lower() for word in others)
    return TITLE if titled else MIXED


def _is_title(word: str) -> bool:
    """Whether a word is like "Oslo", "O'Neill" or "Jean-pierre"."""
    return word.istitle() or (word[:1].isupper() and word[1:] == word[1:].lower())


def _range(number: int, ranges: Sequence[tuple[int, str]]) -> str:
    return [name for least, name in ranges if number >= least][-1]
