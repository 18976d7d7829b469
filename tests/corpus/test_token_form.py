import pytest

from spacy_llama_ner.corpus.token_form import invisible_character, stray_label, unsplit_part

LABELS = ("PER", "ORG")


@pytest.mark.parametrize(
    ("word", "part"),
    [
        ("Oslo,", ","),
        ("Oslo;", ";"),
        ("said:", ":"),
        ("why?", "?"),
        ("No!", "!"),
        ('end"', '"'),
        ("1996)", ")"),
        ('"We', '"'),
        ("(Oslo", "("),
        ("$5", "$"),
        ("Anna's", "'s"),
        ("ANNA'S", "'S"),
        ("Anna’s", "’s"),
        ("don't", "n't"),
        ("DON'T", "N'T"),
        ("10%", "%"),
    ],
)
def test_unsplit_part_finds(word, part):
    assert unsplit_part(word) == part


@pytest.mark.parametrize(
    "word",
    [
        *',;:?!")($%',
        *("'s", "'S", "’s", "n't", "N'T", "'", "--", "...", "!!", "U.S.", "Mr.", "Jr.", "J."),
        *("O'Rourke", "3-1", "12:30", "1,200", "1996-08-30", "US$", "o'clock", "'90s", "gas", "ant", ""),
    ],
)
def test_unsplit_part_leaves(word):
    assert unsplit_part(word) is None


@pytest.mark.parametrize(
    ("word", "code"),
    [("Os\u200blo", "U+200B"), ("Os\xa0lo", "U+00A0"), ("Os\xadlo", "U+00AD"), ("\ufeffOslo", "U+FEFF")],
)
def test_invisible_character_finds(word, code):
    assert invisible_character(word) == code


@pytest.mark.parametrize("word", ["Oslo", "Tromsø", "–", "東京", "👍"])
def test_invisible_character_leaves(word):
    assert invisible_character(word) is None


def test_stray_label_finds_a_label_without_brackets():
    assert stray_label(["PER", "Anna", "sails"], LABELS) == "PER"


@pytest.mark.parametrize("words", [["5", "PER", "CENT", "OFF"], ["Anna", "pers", "sails"]])
def test_stray_label_leaves_headlines_and_other_words(words):
    assert stray_label(words, LABELS) is None
