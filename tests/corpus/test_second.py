import pytest
from markup_folder import write_markup_folder

from spacy_llama_ner.corpus.placed import read_placed_corpus
from spacy_llama_ner.corpus.second import read_second

TEXT = "# topic: sea\n[PER Anna] sails .\n[LOC Oslo] waits .\n"


def read(tmp_path, second):
    folder = write_markup_folder(tmp_path, TEXT, second=second)
    return read_second(folder, read_placed_corpus(folder).all_sentences)


def test_read_second_pairs_the_sentences_of_an_article(tmp_path):
    articles, problems = read(tmp_path, {"001-a": "[ORG Anna] sails .\n[LOC Oslo] waits .\n"})
    assert problems == []
    (article,) = articles
    assert [(a.place(), b.place()) for a, b in article] == [
        ("articles/001-a.txt:2", "second/001-a.txt:1"),
        ("articles/001-a.txt:3", "second/001-a.txt:2"),
    ]
    assert [b.sentence.tags[0] for _, b in article] == ["B-ORG", "B-LOC"]


def test_read_second_pairs_articles_of_all_splits(tmp_path):
    articles, problems = read(tmp_path, {"002-b": "It rained .\n", "003-c": "It rained .\n"})
    assert (len(articles), problems) == (2, [])


def test_read_second_without_a_second_annotation(tmp_path):
    assert read(tmp_path, None) == ([], [])


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "[PER Anna] sails .\n[LOC Bergen] waits .\n",
            "{}/second/001-a.txt:2: the token 'Bergen', where {}/articles/001-a.txt:3 has the token 'Oslo'.",
        ),
        (
            "[PER Anna] sails\n[LOC Oslo] waits .\n",
            "{}/second/001-a.txt:1: the end of the sentence, where {}/articles/001-a.txt:2 has the token '.'.",
        ),
        (
            "[PER Anna] sails . .\n[LOC Oslo] waits .\n",
            "{}/second/001-a.txt:1: the token '.', where {}/articles/001-a.txt:2 has the end of the sentence.",
        ),
        (
            "[PER Anna] sails .\n",
            "{}/second/001-a.txt:1: the last sentence, where {}/articles/001-a.txt:3 has another that begins "
            "with 'Oslo'.",
        ),
        (
            TEXT + "It rained .\n",
            "{}/second/001-a.txt:4: a sentence that begins with 'It', where {}/articles/001-a.txt:3 is the last "
            "one.",
        ),
    ],
)
def test_read_second_names_the_first_other_token(tmp_path, text, problem):
    articles, problems = read(tmp_path, {"001-a": text})
    assert articles == []
    assert problems == [problem.format(tmp_path, tmp_path) + " The tokens must be the same."]


def test_read_second_names_malformed_lines(tmp_path):
    articles, problems = read(tmp_path, {"001-a": "[PER Anna sails .\n[LOC Oslo] waits .\n"})
    assert articles == []
    assert len(problems) == 1
    assert problems[0].startswith(f"{tmp_path}/second/001-a.txt:1: the entity PER is not closed")


def test_read_second_names_a_file_without_an_article(tmp_path):
    articles, problems = read(tmp_path, {"009-x": "It rained .\n"})
    assert articles == []
    assert problems == [
        f"{tmp_path}/second/009-x.txt: there is no {tmp_path}/articles/009-x.txt to compare it with. Mend the name."
    ]
