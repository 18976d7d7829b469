import pytest
from markup_folder import write_markup_folder

from spacy_llama_ner.corpus.article import CorpusError
from spacy_llama_ner.corpus.build import read_markup_corpus
from spacy_llama_ner.corpus.conll import format_conll
from spacy_llama_ner.corpus.placed import read_placed_corpus

TEXT = "# topic: sea\n[PER Anna Kovac] sails .\nShe likes [LOC Oslo] .\n"


def problems(tmp_path, text):
    folder = write_markup_folder(tmp_path, text)
    return [x.removeprefix(f"{folder}/articles/001-a.txt:") for x in read_placed_corpus(folder).problems]


def write_conll_folder(folder, text="Anna B-PER\nsails O\n"):
    for split in ("train", "dev", "test"):
        (folder / f"{split}.txt").write_text(text, encoding="utf-8")
    return folder


def test_read_placed_corpus_finds_nothing_wrong_with_good_markup(tmp_path):
    assert problems(tmp_path, TEXT) == []


def test_read_placed_corpus_reads_what_build_corpus_reads(tmp_path):
    folder = write_markup_folder(tmp_path, TEXT, "[LOC Bergen] waits .\n")
    assert read_placed_corpus(folder).corpora == read_markup_corpus(folder)


def test_read_placed_corpus_places_markup(tmp_path):
    sentences = read_placed_corpus(write_markup_folder(tmp_path, TEXT)).sentences["train"]
    assert [list(x.entities()) for x in sentences] == [
        [("Anna Kovac", "PER", "articles/001-a.txt:2")],
        [("Oslo", "LOC", "articles/001-a.txt:3")],
    ]


def test_read_placed_corpus_places_tokens_of_conll(tmp_path):
    text = "-DOCSTART- -X- O O\n\nAnna - - B-PER\nsails - - O\n\n\nto - - O\nOslo - - B-LOC\n"
    corpus = read_placed_corpus(write_conll_folder(tmp_path, text))
    assert not corpus.is_markup
    assert [list(x.entities()) for x in corpus.sentences["dev"]] == [
        [("Anna", "PER", "dev.txt:3")],
        [("Oslo", "LOC", "dev.txt:8")],
    ]


def test_read_placed_corpus_reads_conll_and_its_markup_alike(tmp_path):
    folder = write_markup_folder(tmp_path, TEXT, "[LOC Bergen] waits .\n")
    markup = read_placed_corpus(folder)
    conll = tmp_path / "conll"
    conll.mkdir()
    for split, corpus in markup.corpora.items():
        (conll / f"{split}.conll").write_text(format_conll(corpus.articles), encoding="utf-8")
    assert read_placed_corpus(conll).corpora == markup.corpora


@pytest.mark.parametrize(
    ("line", "column"),
    [
        ("[PER Anna]  sails .", 12),
        ("[PER Anna]\tsails .", 11),
        ("[PER Anna]\xa0sails .", 11),
        (" [PER Anna] sails .", 1),
        ("[PER Anna] sails . ", 19),
        ("[PER Anna] sails .\r", 19),
        ("[PER Anna ] sails .", 10),
        ("[PER  Anna] sails .", 6),
    ],
)
def test_read_placed_corpus_finds_odd_spaces(tmp_path, line, column):
    (problem,) = problems(tmp_path, f"It rained .\n{line}\n")
    assert problem.startswith(f"2: odd spaces at column {column}, ")
    assert "Expected one space between tokens" in problem


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("", "an empty line. Remove it."),
        ("  ", "an empty line. Remove it."),
        ("PER Anna] sails", "a closing bracket without an opening one"),
        ("[PER Anna sails", "the entity PER is not closed"),
        ("[PRE Anna] sails", "unknown label 'PRE'"),
        ("PER Anna sails", "the label PER without brackets. Expected `[PER token]`."),
        ("Anna sai\u200bls", "the invisible character U+200B in 'sai\\u200bls'. Remove it."),
        ("[PER Anna's] boat", "'s is not split off in \"Anna's\". Make it a token of its own."),
    ],
)
def test_read_placed_corpus_names_the_line_of_a_problem(tmp_path, line, problem):
    (found,) = problems(tmp_path, f"It rained .\n{line}\nIt stopped .\n")
    assert found.startswith(f"2: {problem}")


def test_read_placed_corpus_names_all_problems(tmp_path):
    found = problems(tmp_path, "[PER Anna\n\nOslo, 5% .\nIt rained .\n")
    assert [x.split(":")[0] for x in found] == ["1", "2", "3", "3"]


def test_read_placed_corpus_keeps_the_sentences_that_it_can_read(tmp_path):
    folder = write_markup_folder(tmp_path, "[PER Anna\n[LOC Oslo] waits .\n")
    (sentence,) = read_placed_corpus(folder).sentences["train"]
    assert sentence.place() == "articles/001-a.txt:2"


def test_read_placed_corpus_names_an_article_without_a_sentence(tmp_path):
    folder = write_markup_folder(tmp_path, TEXT)
    path = folder / "articles" / "004-d.txt"
    path.write_text("# topic: none\n", encoding="utf-8")
    assert read_placed_corpus(folder).problems == (
        f"{path}: no sentence in the file. Expected one sentence a line.",
    )


def test_read_placed_corpus_refuses_a_split_without_a_readable_article(tmp_path):
    with pytest.raises(CorpusError, match="the split train has no article that can be read: .*001-a.txt:1: "):
        read_placed_corpus(write_markup_folder(tmp_path, "[PER Anna\n"))


def test_read_placed_corpus_finds_invisible_characters_in_conll(tmp_path):
    folder = write_conll_folder(tmp_path, "Anna O\nsai\u200bls O\n")
    assert read_placed_corpus(folder).problems[0] == (
        f"{folder}/train.txt:2: the invisible character U+200B in 'sai\\u200bls'. Remove it."
    )


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("Anna B-PER\nKovac I-LOC\n", r"train.txt:2: I-LOC begins an entity. Expected B-LOC"),
        ("Anna PER\n", r"train.txt:1: unknown tag 'PER'"),
    ],
)
def test_read_placed_corpus_refuses_illegal_tags_of_conll(tmp_path, text, match):
    with pytest.raises(CorpusError, match=match):
        read_placed_corpus(write_conll_folder(tmp_path, text))


def test_read_placed_corpus_leaves_brackets_and_punctuation_of_conll(tmp_path):
    assert read_placed_corpus(write_conll_folder(tmp_path, "[ O\nAnna's O\nPER O\n")).problems == ()


def test_read_placed_corpus_refuses_no_folder(tmp_path):
    with pytest.raises(CorpusError, match="nowhere: no such folder. Expected one with articles"):
        read_placed_corpus(tmp_path / "nowhere")
