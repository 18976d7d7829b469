"""Read a second, blind annotation of some of a corpus' articles: `second/NNN-slug.txt`, the same tokens in markup."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import zip_longest
from pathlib import Path

from spacy_llama_ner.corpus.agreement import Pair
from spacy_llama_ner.corpus.markup import LABELS
from spacy_llama_ner.corpus.placed import PlacedSentence, read_placed_article

NAME = "second"


def read_second(
    folder: Path, sentences: Iterable[PlacedSentence], *, labels: Sequence[str] = LABELS
) -> tuple[list[list[Pair]], list[str]]:
    """Pair a second annotation with the first.

    folder (Path): The corpus' folder; its `second/` may be absent.
    sentences (Iterable[PlacedSentence]): The first annotation.
    labels (Sequence[str]): The labels that entities may have.
    RETURNS (tuple[list[list[Pair]], list[str]]): The sentences of each article that has both; what is malformed.
        An article with other tokens is left out, and its first other token is named.
    RAISES (CorpusError): If a file is not UTF-8.
    """
    firsts: dict[str, list[PlacedSentence]] = defaultdict(list)
    for sentence in sentences:
        firsts[sentence.file].append(sentence)
    articles: list[list[Pair]] = []
    problems: list[str] = []
    for path in sorted((folder / NAME).glob("*.txt")):
        file = f"articles/{path.name}"
        if file not in firsts:
            problems.append(f"{path}: there is no {folder / file} to compare it with. Mend the name.")
            continue
        seconds, found = read_placed_article(path, folder=folder, labels=labels)
        if not found:
            found = _other_token(folder, firsts[file], seconds)
        if found:
            problems += found
        else:
            articles.append(list(zip(firsts[file], seconds, strict=True)))
    return articles, problems


def _other_token(folder: Path, firsts: list[PlacedSentence], seconds: list[PlacedSentence]) -> list[str]:
    """RETURNS (list[str]): The first place where the tokens differ, if there is one."""
    for first, second in zip_longest(firsts, seconds):
        if second is None:
            return [
                f"{folder / seconds[-1].place()}: the last sentence, where {folder / first.place()} has "
                f"another that begins with {first.sentence.words[0]!r}. The tokens must be the same."
            ]
        if first is None:
            return [
                f"{folder / second.place()}: a sentence that begins with {second.sentence.words[0]!r}, where "
                f"{folder / firsts[-1].place()} is the last one. The tokens must be the same."
            ]
        for ours, theirs in zip_longest(first.sentence.words, second.sentence.words):
            if ours != theirs:
                return [
                    f"{folder / second.place()}: {_name(theirs)}, where {folder / first.place()} has "
                    f"{_name(ours)}. The tokens must be the same."
                ]
    return []


def _name(word: str | None) -> str:
    return "the end of the sentence" if word is None else f"the token {word!r}"
