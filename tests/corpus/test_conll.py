from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_llama_ner.corpus.article import Article, CorpusError, Repair, Sentence
from spacy_llama_ner.corpus.conll import DOCSTART, format_conll, read_conll, token_lines
from spacy_llama_ner.corpus.tagging import to_iob1, to_iob2

CORPUS_2003 = Path(__file__).parents[3] / "shared" / "conll2003"


def write(tmp_path, text, name="train.txt"):
    path = tmp_path / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def read(tmp_path, text, **options):
    return read_conll(write(tmp_path, text), **options)


def words_and_tags(corpus):
    return [(sentence.words, sentence.tags) for sentence in corpus.sentences]


EXAMPLE = [
    (("Anna", "Kovac", "sails"), ("B-PER", "I-PER", "O")),
    (("Oslo",), ("B-LOC",)),
]


@pytest.mark.parametrize(
    "start", ["-DOCSTART- -X- O O", "-DOCSTART- -X- -X- O", "-DOCSTART- O", "-DOCSTART-"]
)
def test_read_conll_takes_every_form_of_docstart_as_a_boundary(tmp_path, start):
    text = f"{start}\n\nAnna NN B-NP B-PER\nKovac NN I-NP I-PER\nsails VB B-VP O\n\n{start}\n\nOslo NN B-NP B-LOC\n"
    corpus = read(tmp_path, text)
    assert corpus.has_articles
    assert [len(article.sentences) for article in corpus.articles] == [1, 1]
    assert words_and_tags(corpus) == EXAMPLE


@pytest.mark.parametrize(
    "text",
    [
        "Anna B-PER\nKovac I-PER\nsails O\n\nOslo B-LOC\n",
        "Anna\tB-PER\nKovac\tI-PER\nsails\tO\n\nOslo\tB-LOC\n",
        "\ufeffAnna B-PER\nKovac I-PER\nsails O\n\nOslo B-LOC\n",
        "Anna B-PER\r\nKovac I-PER\r\nsails O\r\n\r\nOslo B-LOC\r\n",
        "Anna B-PER\nKovac I-PER\nsails O\n\nOslo B-LOC",
        "\n\nAnna B-PER \nKovac  I-PER\nsails O\n \t\n\nOslo B-LOC\n\n\n\n",
        "Anna I-PER\nKovac I-PER\nsails O\n\nOslo I-LOC\n",
        "Anna x B-PER\nKovac x I-PER\nsails x O\n\nOslo x B-LOC\n",
        "Anna a b c B-PER\nKovac a b c I-PER\nsails a b c O\n\nOslo a b c B-LOC\n",
    ],
    ids=["two", "tab", "bom", "crlf", "no-last-newline", "blank-lines", "iob1", "three", "five"],
)
def test_read_conll_reads_dialect(tmp_path, text):
    corpus = read(tmp_path, text)
    assert words_and_tags(corpus) == EXAMPLE
    assert not corpus.has_articles
    assert not corpus.repairs


def test_read_conll_keeps_pos_and_chunk_of_four_columns(tmp_path):
    sentence = next(read(tmp_path, "Anna NNP B-NP B-PER\nsails VBZ B-VP O\n").sentences)
    assert sentence.pos == ("NNP", "VBZ")
    assert sentence.chunk == ("B-NP", "B-VP")


def test_read_conll_treats_placeholder_columns_as_absent(tmp_path):
    sentence = next(read(tmp_path, "Anna _ O B-PER\nsails -X- O O\n").sentences)
    assert sentence.pos is None
    assert sentence.chunk is None


def test_read_conll_keeps_a_word_with_a_no_break_space_or_line_separator(tmp_path):
    corpus = read(tmp_path, "10\u00a0000 O\na\u2028b O\n")
    assert words_and_tags(corpus) == [(("10\u00a0000", "a\u2028b"), ("O", "O"))]


def test_read_conll_makes_no_empty_article(tmp_path):
    corpus = read(tmp_path, "-DOCSTART- O\n\n-DOCSTART- O\n\nAnna B-PER\n\n-DOCSTART- O\n")
    assert len(corpus.articles) == 1


def test_read_conll_accepts_an_indented_line_with_all_columns(tmp_path):
    assert words_and_tags(read(tmp_path, "Anna B-PER\n  sails O\n")) == [(("Anna", "sails"), ("B-PER", "O"))]


def test_count_counts(tmp_path):
    counts = read(tmp_path, "-DOCSTART- O\n\nAnna B-PER\nKovac I-PER\nsails O\n\nOslo B-LOC\n").count()
    assert (counts.articles, counts.sentences, counts.tokens, counts.entities) == (1, 2, 4, 2)
    assert counts.labels == {"LOC": 1, "PER": 1}


def test_count_has_no_articles_where_the_source_has_none(tmp_path):
    assert read(tmp_path, "Anna B-PER\n").count().articles is None


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("Anna B-PER\nKovac\n", r"train.txt:2: one column in 'Kovac'. Expected 2 .* with --repair"),
        ("a N C O\nb N C O\nc O\n", r"train.txt:3: 2 columns in 'c O'. Expected 4 columns .* with --repair"),
        ("a O\nb N C O\nc O\n", r"train.txt:2: 4 columns in 'b N C O'. Expected 2 columns"),
        ("a O\n\tO\n", r"train.txt:2: the word is empty in 'O'. Expected 2 columns .* --repair"),
        ("a N C O\n\tN C O\n", r"train.txt:2: the word is empty in 'N C O'. Expected 4 columns"),
        ("Anna X-PER\n", r"train.txt:1: unknown tag 'X-PER'. Expected O, or B- .* --repair"),
        ("Anna B-\n", r"train.txt:1: unknown tag 'B-'"),
        ("\n\nAnna BPER\n", r"train.txt:3: unknown tag 'BPER'"),
        (
            "a B-PER\nb O\n\nc I-PER\n",
            r"train.txt:4: I-PER begins an entity. Expected B-PER: .* IOB2, because \S*train.txt:1 has B-PER "
            r"where IOB1 cannot have it. Mend the tag, or convert with --repair",
        ),
        ("a B-PER\nb I-LOC\n", r"train.txt:2: I-LOC begins an entity. Expected B-LOC"),
        ("", r"train.txt: no token in the file"),
        ("-DOCSTART- -X- -X- O\n\n", r"train.txt: no token in the file"),
        (b"Anna B-PER\nBj\xf6rn B-PER\n", r"train.txt:2: byte 0xF6 is not UTF-8. .*iconv"),
        (b"\xef\xbb\xbfAnna B-PER\nBj\xf6rn B-PER\n", r"train.txt:2: byte 0xF6 is not UTF-8"),
    ],
)
def test_read_conll_refuses(tmp_path, text, match):
    with pytest.raises(CorpusError, match=match):
        read(tmp_path, text)


def test_read_conll_still_refuses_an_empty_file_when_repairing(tmp_path):
    with pytest.raises(CorpusError, match="no token"):
        read(tmp_path, "\tO\n", repair=True)


def test_read_conll_repairs_and_counts_each_kind(tmp_path):
    text = "a N C B-PER\nb\nc O\n\tN C O\nd N C X-PER\n\ne N C I-LOC\nf\n"
    corpus = read(tmp_path, text, repair=True)
    assert words_and_tags(corpus) == [
        (("a", "b", "c", "d"), ("B-PER", "O", "O", "O")),
        (("e", "f"), ("B-LOC", "O")),
    ]
    assert [sentence.pos for sentence in corpus.sentences] == [("N", "_", "_", "N"), ("N", "_")]
    path = tmp_path / "train.txt"
    assert corpus.repairs == (
        Repair("word without a tag tagged O", 2, f"{path}:2"),
        Repair("wrong number of columns, first and last taken", 1, f"{path}:3"),
        Repair("line without a word dropped", 1, f"{path}:4"),
        Repair("unknown tag replaced by O", 1, f"{path}:5"),
        Repair("I- at the start of an entity replaced by B-", 1, f"{path}:7"),
    )


def test_read_conll_drops_a_sentence_of_dropped_lines(tmp_path):
    assert words_and_tags(read(tmp_path, "a O\n\n\tO\n\nb O\n", repair=True)) == [
        (("a",), ("O",)),
        (("b",), ("O",)),
    ]


def test_read_conll_repairs_nothing_in_a_good_file(tmp_path):
    assert read(tmp_path, "Anna B-PER\n", repair=True).repairs == ()


WORD = st.text(
    st.characters(exclude_categories=("Cs", "Cc"), exclude_characters=" \t\ufeff"), min_size=1, max_size=5
)
TAG = st.sampled_from(["O", "B-PER", "I-PER", "B-LOC", "I-LOC"])


@st.composite
def sentences(draw):
    words = draw(st.lists(WORD.filter(lambda word: word != DOCSTART), min_size=1, max_size=6))
    tags = draw(st.lists(TAG, min_size=len(words), max_size=len(words)))
    return Sentence(tuple(words), to_iob2(tags))


ARTICLES = st.lists(
    st.lists(sentences(), min_size=1, max_size=4).map(lambda group: Article(tuple(group))),
    min_size=1,
    max_size=3,
)


def test_token_lines_count_every_line(tmp_path):
    path = write(tmp_path, "\ufeff-DOCSTART- O\r\n\r\nAnna B-PER\r\nsails O\r\n\r\n\r\nOslo B-LOC")
    assert token_lines(path) == [[3, 4], [7]]
    assert [len(sentence.words) for sentence in read_conll(path).sentences] == [2, 1]


@given(ARTICLES)
def test_format_conll_is_read_back(tmp_path_factory, articles):
    path = tmp_path_factory.mktemp("round") / "train.conll"
    path.write_bytes(format_conll(articles).encode())
    corpus = read_conll(path)
    assert corpus.has_articles
    assert list(corpus.articles) == articles


@given(
    articles=ARTICLES,
    iob1=st.booleans(),
    separator=st.sampled_from([" ", "\t", "  "]),
    middle=st.sampled_from([[], ["N", "B-NP"], ["x"], ["a", "b", "c"]]),
    docstart=st.sampled_from(["-DOCSTART- -X- O O", "-DOCSTART- -X- -X- O", "-DOCSTART- O", None]),
    newline=st.sampled_from(["\n", "\r\n"]),
    bom=st.sampled_from(["", "\ufeff"]),
    end=st.sampled_from(["", "\n", "\n\n\n"]),
)
def test_read_conll_reads_the_same_from_every_dialect(
    tmp_path_factory, articles, iob1, separator, middle, docstart, newline, bom, end
):
    blocks = []
    for article in articles:
        if docstart:
            blocks.append([docstart])
        for sentence in article.sentences:
            tags = to_iob1(sentence.tags) if iob1 else sentence.tags
            rows = zip(sentence.words, tags, strict=True)
            blocks.append([separator.join([word, *middle, tag]) for word, tag in rows])
    text = (newline * 2).join(newline.join(block) for block in blocks)
    path = tmp_path_factory.mktemp("dialect") / "train.conll"
    path.write_bytes((bom + text + end.replace("\n", newline)).encode())
    corpus = read_conll(path)
    assert corpus.has_articles == bool(docstart)
    expected = [(x.words, x.tags) for article in articles for x in article.sentences]
    assert words_and_tags(corpus) == expected
    if docstart:
        assert [len(x.sentences) for x in corpus.articles] == [len(x.sentences) for x in articles]


@pytest.mark.skipif(not CORPUS_2003.is_dir(), reason=f"needs CoNLL-2003's licensed files in {CORPUS_2003}")
@pytest.mark.parametrize(
    ("name", "counts"),
    [("train", (946, 14_041, 203_621, 23_499)), ("dev", (216, 3_250, 51_362, 5_942))],
)
def test_read_conll_counts_of_conll_2003(name, counts):
    counted = read_conll(CORPUS_2003 / f"{name}.txt").count()
    assert (counted.articles, counted.sentences, counted.tokens, counted.entities) == counts
