"""Other words, the same entities."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruler import make_ruler
from spacy.tokens import Doc

from spacy_llama_ner.evaluation.perturb import change_words, make_typist

WORDS = ["Vandermeer", "visited", "Lisbon", "yesterday", "with", "colleagues"] * 200


def is_one_edit(word, typed):
    """Whether one swap, one letter less, one letter twice or one other letter makes the one of the other."""
    if len(typed) == len(word):
        wrong = [i for i in range(len(word)) if word[i] != typed[i]]
        if len(wrong) == 2:
            i, j = wrong
            return j == i + 1 and (word[i], word[j]) == (typed[j], typed[i])
        return len(wrong) == 1
    if len(typed) == len(word) - 1:
        return any(word[:i] + word[i + 1 :] == typed for i in range(len(word)))
    return any(word[: i + 1] + word[i:] == typed for i in range(len(word)))


def test_change_words_keeps_tokens_spaces_and_entities():
    nlp = make_ruler()
    doc = Doc(
        nlp.vocab,
        words=["Straße", "in", "New", "York", "."],
        spaces=[True, True, True, False, False],
        ents=["O", "O", "B-LOC", "I-LOC", "O"],
    )
    (changed,) = change_words([doc], str.upper)
    assert changed.text == "STRASSE IN NEW YORK."
    assert [(ent.start, ent.end, ent.label_) for ent in changed.ents] == [(2, 4, "LOC")]
    assert doc.text == "Straße in New York."


def test_typist_changes_its_share():
    typist = make_typist(seed=0)
    changed = sum(typist(word) != word for word in WORDS)
    assert changed / len(WORDS) == pytest.approx(0.1, abs=0.03)


@settings(max_examples=200)
@given(word=st.text(alphabet="abzQxéß", min_size=4, max_size=9), seed=st.integers(0, 10**6))
def test_typist_makes_one_error(word, seed):
    typed = make_typist(seed=seed, rate=1.0)(word)
    assert typed != word
    assert is_one_edit(word, typed)


def test_typist_makes_every_kind_of_error():
    typist = make_typist(seed=0, rate=1.0)
    lengths = [len(typist("water")) for _ in range(100)]
    assert set(lengths) == {4, 5, 6}
    typed = {typist("water") for _ in range(200)}
    assert {"awter", "waer", "watter", "wster"} <= typed


def test_typist_keeps_the_case_of_a_slipped_key():
    assert {make_typist(seed=seed, rate=1.0)("QQQQ") for seed in range(50)} <= {
        *("QQQ", "QQQQQ"),
        *("WQQQ", "QWQQ", "QQWQ", "QQQW"),
    }


@pytest.mark.parametrize("word", ["the", "1996", "U.N.", "\n   ", "3-2-1"])
def test_typist_leaves_short_words_and_no_words(word):
    assert make_typist(seed=0, rate=1.0)(word) == word


def test_typist_depends_on_the_seed_alone():
    typed = [list(map(make_typist(seed=seed), WORDS)) for seed in (1, 1, 2)]
    assert typed[0] == typed[1] != typed[2]
