import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_llama_ner.corpus.spacing import natural_spaces, plain_spaces

PUNCTUATION = [
    *"\"'’.,:;!?%()[]{}$£#-/`",
    "--",
    "...",
    "``",
    "''",
    "n't",
    "'s",
    "-LRB-",
    "“",
    "”",
    "–",
    "US$",
]
WORDS = st.lists(
    st.one_of(
        st.sampled_from(PUNCTUATION),
        st.sampled_from(["players", "Rovers", "3", "2", "20", "he", "The", "U.S."]),
        st.text(st.characters(exclude_categories=("Z", "C")), min_size=1, max_size=4),
    ),
    max_size=12,
)


def join(words):
    spaces = natural_spaces(words)
    return "".join(word + " " * space for word, space in zip(words, spaces, strict=True))


@pytest.mark.parametrize(
    "text",
    [
        "The minister said , adding : yes ; no ! Why ? -> The minister said, adding: yes; no! Why?",
        "It rose 5 % ( in 1997 ) . -> It rose 5% (in 1997).",
        "-LRB- a -RRB- [ b ] { c } -> -LRB-a-RRB- [b] {c}",
        "Wait ... really ?! -> Wait... really?!",
        "I do n't think she 'll say it 's hers . -> I don't think she'll say it's hers.",
        "Anna ’s DO N'T -> Anna’s DON'T",
        '" Go now , " the radio said . " Go . " -> "Go now," the radio said. "Go."',
        '" Go now . -> "Go now.',
        'We shall see . " -> We shall see."',
        'It is over " . -> It is over".',
        'It is over , " she said . -> It is over," she said.',
        'It is , " he said , " and was . " -> It is," he said, "and was."',
        'He said , " It is over . -> He said, "It is over.',
        "`` Go '' and “ stay ” and ‘ wait ’ -> ``Go'' and “stay” and ‘wait’",
        "She said ' go ' twice -> She said 'go' twice",
        "It is ` so ' indeed -> It is `so' indeed",
        "the players ' union -> the players' union",
        "Rovers 3 - 2 City -> Rovers 3-2 City",
        "at 20 : 15 on 3 / 4 -> at 20:15 on 3/4",
        "He and / or she -> He and/or she",
        "SOCCER - CUP RESULTS -> SOCCER - CUP RESULTS",
        "They -- all of them -- left -> They -- all of them -- left",
        "It cost $ 3 and US$ 20 , or # 5 -> It cost $3 and US$20, or #5",
        "the $ sign -> the $ sign",
        "The U.S. won -> The U.S. won",
        "/ a -> / a",
    ],
)
def test_natural_spaces_restores_print(text):
    tokens, expected = text.split(" -> ")
    assert join(tokens.split()) == expected


@pytest.mark.parametrize("spaces", [natural_spaces, plain_spaces])
def test_spaces_of_no_token(spaces):
    assert spaces([]) == []


@given(WORDS)
def test_natural_spaces_never_changes_a_word(words):
    assert join(words).replace(" ", "") == "".join(words)


@given(WORDS)
def test_natural_spaces_gives_one_value_a_word_and_none_at_the_end(words):
    spaces = natural_spaces(words)
    assert len(spaces) == len(words)
    assert not spaces or spaces[-1] is False


@given(st.lists(st.text(st.characters(categories=("L", "N")), min_size=1, max_size=4)))
def test_natural_spaces_between_words_alone_equals_plain(words):
    assert natural_spaces(words) == plain_spaces(words)


@given(WORDS)
def test_plain_spaces_splits_back_into_the_words(words):
    text = "".join(word + " " * space for word, space in zip(words, plain_spaces(words), strict=True))
    assert [word for word in text.split(" ") if word] == words
