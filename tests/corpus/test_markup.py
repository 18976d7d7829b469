import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_llama_ner.corpus.article import Article, CorpusError, Sentence
from spacy_llama_ner.corpus.markup import format_markup, parse_line, read_markup
from spacy_llama_ner.corpus.tagging import to_iob2


def parse(line):
    sentence = parse_line(line, place="a.txt:3")
    return list(zip(sentence.words, sentence.tags, strict=True))


@pytest.mark.parametrize(
    "line",
    [
        "[PER Anna Kovac] of [ORG Harbour Bank] sailed",
        "[PER Anna Kovac ] of  [ORG Harbour Bank ] sailed",
        "  [PER Anna\tKovac] of [ORG Harbour Bank] sailed  \r",
    ],
)
def test_parse_line_reads_entities(line):
    assert parse(line) == [
        ("Anna", "B-PER"),
        ("Kovac", "I-PER"),
        ("of", "O"),
        ("Harbour", "B-ORG"),
        ("Bank", "I-ORG"),
        ("sailed", "O"),
    ]


def test_parse_line_keeps_adjacent_entities_apart():
    assert parse("[LOC Oslo] [LOC Bergen]") == [("Oslo", "B-LOC"), ("Bergen", "B-LOC")]


def test_parse_line_reads_a_line_without_entities():
    assert parse("It rained # twice .") == [(word, "O") for word in ["It", "rained", "#", "twice", "."]]


@pytest.mark.parametrize(
    ("line", "match"),
    [
        ("[PER Anna", r"a.txt:3: the entity PER is not closed. Add a closing bracket"),
        ("Anna ] sails", r"a.txt:3: a closing bracket without an opening one. Expected"),
        ("Anna[3] sails", r"a.txt:3: no space before '\[3'. Separate the tokens"),
        ("[PER Anna [ORG Bank]]", r"a.txt:3: an opening bracket inside the entity PER. Entities do not nest"),
        ("[PER Anna]s boat", r"a.txt:3: no space after the closing bracket of PER"),
        ("[PER Anna].", r"a.txt:3: no space after the closing bracket of PER"),
        ("[PER ] sails", r"a.txt:3: an entity PER without a token. Expected `\[PER token\]`"),
        ("[PER] sails", r"a.txt:3: an entity PER without a token"),
        ("[PERSON Anna]", r"a.txt:3: unknown label 'PERSON' .*Expected one of: PER, ORG, LOC, MISC"),
        ("[ PER Anna]", r"a.txt:3: unknown label '' after an opening bracket. .*without a space"),
        ("-DOCSTART- is odd", r"a.txt:3: a sentence cannot begin with -DOCSTART-"),
    ],
)
def test_parse_line_refuses(line, match):
    with pytest.raises(CorpusError, match=match):
        parse(line)


def test_parse_line_takes_other_labels():
    assert parse_line("[GPE Oslo]", place="", labels=["GPE"]).tags == ("B-GPE",)


def test_read_markup_skips_comments_and_blank_lines(tmp_path):
    path = tmp_path / "001-a.txt"
    path.write_bytes(b"# topic: sports\r\n\r\n[PER Anna] sails .\r\n#x\r\nNo # 5")
    assert [sentence.words for sentence in read_markup(path).sentences] == [
        ("Anna", "sails", "."),
        ("No", "#", "5"),
    ]


def test_read_markup_says_the_line(tmp_path):
    path = tmp_path / "001-a.txt"
    path.write_text("# topic: sports\n\n[PER Anna\n", encoding="utf-8")
    with pytest.raises(CorpusError, match=r"001-a.txt:3: the entity PER is not closed"):
        read_markup(path)


def test_read_markup_refuses_a_file_without_sentences(tmp_path):
    path = tmp_path / "001-a.txt"
    path.write_text("# topic: sports\n", encoding="utf-8")
    with pytest.raises(CorpusError, match=r"001-a.txt: no sentence in the file"):
        read_markup(path)


@pytest.mark.parametrize("word", ["[", "a]", "[x]"])
def test_format_markup_refuses_brackets(word):
    with pytest.raises(CorpusError, match=r"Markup cannot hold .* Use \( and \)"):
        format_markup(Article((Sentence((word,), ("O",)),)))


def test_format_markup_refuses_a_sentence_like_a_comment():
    with pytest.raises(CorpusError, match="Markup cannot begin a sentence with #: '# 5'"):
        format_markup(Article((Sentence(("#", "5"), ("O", "O")),)))


WORD = st.text(
    st.characters(exclude_categories=("Cs", "Cc", "Z"), exclude_characters="[]#\ufeff"),
    min_size=1,
    max_size=5,
)
TAG = st.sampled_from(["O", "B-PER", "I-PER", "B-LOC", "I-LOC"])
SENTENCE = st.lists(st.tuples(WORD, TAG), min_size=1, max_size=6).map(
    lambda pairs: Sentence(tuple(word for word, _ in pairs), to_iob2([tag for _, tag in pairs]))
)


@given(st.lists(SENTENCE, min_size=1, max_size=4))
def test_format_markup_is_read_back(tmp_path_factory, sentences):
    article = Article(tuple(sentences))
    path = tmp_path_factory.mktemp("markup") / "001-a.txt"
    path.write_bytes(format_markup(article).encode())
    assert read_markup(path) == article
