"""Read a corpus with the place of each token, and collect what is malformed instead of stopping at the first."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from spacy_llama_ner.corpus.article import Article, Corpus, CorpusError, Sentence
from spacy_llama_ner.corpus.build import SPLITS, find_articles, read_splits
from spacy_llama_ner.corpus.conll import read_conll, read_utf8, token_lines
from spacy_llama_ner.corpus.markup import LABELS, format_sentence, parse_line
from spacy_llama_ner.corpus.source import find_split
from spacy_llama_ner.corpus.tagging import iob2_spans
from spacy_llama_ner.corpus.token_form import invisible_character, stray_label, unsplit_part


@dataclass(frozen=True, slots=True)
class PlacedSentence:
    """A sentence and where it stands.

    sentence (Sentence): The sentence.
    file (str): Its file, relative to the corpus' folder.
    lines (tuple[int, ...]): The line of each token, from 1.
    """

    sentence: Sentence
    file: str
    lines: tuple[int, ...]

    def place(self, token: int = 0) -> str:
        """RETURNS (str): File and line of a token."""
        return f"{self.file}:{self.lines[token]}"

    def entities(self) -> Iterator[tuple[str, str, str]]:
        """YIELDS (tuple[str, str, str]): Form (tokens with single spaces), label and place of each entity."""
        for start, end, label in iob2_spans(self.sentence.tags):
            yield " ".join(self.sentence.words[start:end]), label, self.place(start)


@dataclass(frozen=True, slots=True)
class PlacedCorpus:
    """All splits of a corpus.

    is_markup (bool): Whether it was read from markup.
    corpora (dict[str, Corpus]): What could be read, by split.
    sentences (dict[str, tuple[PlacedSentence, ...]]): The same sentences with their places.
    problems (tuple[str, ...]): What is malformed: where, what, how to mend it.
    """

    is_markup: bool
    corpora: dict[str, Corpus]
    sentences: dict[str, tuple[PlacedSentence, ...]]
    problems: tuple[str, ...]

    @property
    def all_sentences(self) -> Iterator[PlacedSentence]:
        """The sentences of all splits."""
        return (sentence for split in self.sentences.values() for sentence in split)


def read_placed_corpus(folder: Path, *, labels: Sequence[str] = LABELS) -> PlacedCorpus:
    """Read a folder of markup, or of CoNLL files.

    folder (Path): Holds articles/*.txt and splits.json, see `build`; or one CoNLL file a split, see `source`.
    labels (Sequence[str]): The labels that entities of markup may have.
    RETURNS (PlacedCorpus): Its train, dev and test.
    RAISES (CorpusError): If a file is missing or not UTF-8, splits.json is malformed, a split is empty, or a line
        of CoNLL is malformed.
    """
    if (folder / "articles").is_dir():
        return _read_markup(folder, labels)
    if not folder.is_dir():
        raise CorpusError(f"{folder}: no such folder. Expected one with articles/*.txt, or with CoNLL files.")
    return _read_conll(folder)


def read_placed_article(
    path: Path, *, folder: Path, labels: Sequence[str] = LABELS
) -> tuple[list[PlacedSentence], list[str]]:
    """Read one article of markup.

    path (Path): Its file.
    folder (Path): The corpus' folder, to which the places are relative; the problems name the whole path.
    labels (Sequence[str]): The labels that entities may have.
    RETURNS (tuple[list[PlacedSentence], list[str]]): The sentences that could be read, and what is malformed.
    RAISES (CorpusError): If the file is not UTF-8.
    """
    sentences: list[PlacedSentence] = []
    problems: list[str] = []
    file = path.relative_to(folder).as_posix()
    for number, line in enumerate(read_utf8(path).removesuffix("\n").split("\n"), start=1):
        place = f"{path}:{number}"
        if line.startswith("#"):
            continue
        if not line.strip():
            problems.append(f"{place}: an empty line. Remove it.")
            continue
        try:
            sentence = parse_line(line, place=place, labels=labels)
        except CorpusError as e:
            problems.append(str(e))
            continue
        sentences.append(PlacedSentence(sentence, file, (number,) * len(sentence.words)))
        problems += [f"{place}: {problem}" for problem in _line_problems(line, sentence, labels)]
    if not sentences:
        problems.append(f"{path}: no sentence in the file. Expected one sentence a line.")
    return sentences, problems


def _line_problems(line: str, sentence: Sentence, labels: Sequence[str]) -> Iterator[str]:
    """YIELDS (str): What is odd about a line that can be read."""
    expected = format_sentence(sentence)
    if line != expected:
        column = next(i for i in range(len(line) + 1) if line[: i + 1] != expected[: i + 1])
        yield (
            f"odd spaces at column {column + 1}, {line[max(0, column - 10) : column + 10]!r}. "
            "Expected one space between tokens, none at the ends or before a closing bracket."
        )
    if label := stray_label(sentence.words, labels):
        yield f"the label {label} without brackets. Expected `[{label} token]`."
    for word in sentence.words:
        if character := invisible_character(word):
            yield f"the invisible character {character} in {word!r}. Remove it."
        if part := unsplit_part(word):
            yield f"{part} is not split off in {word!r}. Make it a token of its own."


def _read_markup(folder: Path, labels: Sequence[str]) -> PlacedCorpus:
    paths = find_articles(folder)
    split_of = read_splits(folder / "splits.json", paths)
    articles: dict[str, list[Article]] = {split: [] for split in SPLITS}
    placed: dict[str, list[PlacedSentence]] = {split: [] for split in SPLITS}
    problems: list[str] = []
    for name, path in paths.items():
        split = split_of.get(name, "train")
        sentences, found = read_placed_article(path, folder=folder, labels=labels)
        problems += found
        placed[split] += sentences
        if sentences:
            articles[split].append(Article(tuple(x.sentence for x in sentences)))
    for split, members in articles.items():
        if not members:
            raise CorpusError(
                f"{folder}: the split {split} has no article that can be read: "
                f"{' '.join(problems) or 'add one, or change splits.json.'}"
            )
    return PlacedCorpus(
        is_markup=True,
        corpora={split: Corpus(tuple(members), has_articles=True) for split, members in articles.items()},
        sentences={split: tuple(sentences) for split, sentences in placed.items()},
        problems=tuple(problems),
    )


def _read_conll(folder: Path) -> PlacedCorpus:
    corpora: dict[str, Corpus] = {}
    placed: dict[str, tuple[PlacedSentence, ...]] = {}
    problems: list[str] = []
    for split in SPLITS:
        path = find_split(folder, split)
        corpora[split] = read_conll(path)
        placed[split] = tuple(
            PlacedSentence(sentence, path.name, tuple(lines))
            for sentence, lines in zip(corpora[split].sentences, token_lines(path), strict=True)
        )
        problems += [
            f"{folder / sentence.place(i)}: the invisible character {character} in {word!r}. Remove it."
            for sentence in placed[split]
            for i, word in enumerate(sentence.sentence.words)
            if (character := invisible_character(word))
        ]
    return PlacedCorpus(is_markup=False, corpora=corpora, sentences=placed, problems=tuple(problems))
