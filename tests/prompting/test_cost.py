"""Prices."""

import pytest

from spacy_llama_ner.prompting.cost import estimate_tokens, parse_price


def test_price_is_for_a_million_tokens():
    assert parse_price("3/15").cost(2_000_000, 100_000) == pytest.approx(7.5)


def test_price_that_is_not_given_is_unknown():
    assert parse_price(None) is None


@pytest.mark.parametrize("text", ["3", "3/", "a/b", "-1/2"])
def test_price_of_another_form_is_refused(text):
    with pytest.raises(ValueError, match="such as 3/15"):
        parse_price(text)


def test_estimate_tokens_grows_with_the_text():
    assert estimate_tokens("") == 1
    assert estimate_tokens("x" * 700) == 200
