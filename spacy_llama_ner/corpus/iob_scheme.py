"""Read the tags of a whole source: check them, tell IOB1 from IOB2, and bring them to IOB2."""

from collections.abc import Callable, Sequence

from spacy_llama_ner.corpus.article import CorpusError, Repairs
from spacy_llama_ner.corpus.tagging import is_iob_tag, orphans, to_iob2


def read_tags(
    sentences: Sequence[Sequence[str]],
    *,
    place: Callable[[int, int], str],
    repair: bool,
    repairs: Repairs,
) -> list[tuple[str, ...]]:
    """Bring the tags of a source to IOB2.

    sentences (Sequence[Sequence[str]]): The tags of each sentence, in IOB1 or IOB2.
    place (Callable[[int, int], str]): Name the place of a sentence and token index, for messages.
    repair (bool): Replace an illegal tag by O, and an I- that begins an entity in an IOB2 source by B-.
    repairs (Repairs): Counts what was repaired.
    RETURNS (list[tuple[str, ...]]): The tags of each sentence in IOB2.
    RAISES (CorpusError): At the first illegal tag, if `repair` is off.
    """
    checked = [list(tags) for tags in sentences]
    for i, tags in enumerate(checked):
        for j, tag in enumerate(tags):
            if is_iob_tag(tag):
                continue
            if not repair:
                raise CorpusError(
                    f"{place(i, j)}: unknown tag {tag!r}. Expected O, or B- or I- and a label like "
                    f"B-PER. Mend the tag, or convert with --repair, which replaces it by O."
                )
            repairs.add("unknown tag replaced by O", place(i, j))
            tags[j] = "O"
    proof = _prove_iob2(checked)
    if proof is None:
        return [to_iob2(tags) for tags in checked]
    for i, tags in enumerate(checked):
        for j in orphans(tags, "I-"):
            if not repair:
                raise CorpusError(
                    f"{place(i, j)}: {tags[j]} begins an entity. Expected B-{tags[j][2:]}: the tags are "
                    f"IOB2, because {place(*proof)} has {checked[proof[0]][proof[1]]} where IOB1 cannot have "
                    f"it. Mend the tag, or convert with --repair, which makes it B-{tags[j][2:]}."
                )
            repairs.add("I- at the start of an entity replaced by B-", place(i, j))
    return [to_iob2(tags) for tags in checked]


def _prove_iob2(sentences: Sequence[Sequence[str]]) -> tuple[int, int] | None:
    """RETURNS (tuple[int, int] | None): The first tag that IOB1 cannot have: sentence and token."""
    for i, tags in enumerate(sentences):
        for j in orphans(tags, "B-"):
            return i, j
    return None
