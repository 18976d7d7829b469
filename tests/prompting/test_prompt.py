"""The question."""

import pytest
import spacy
from ruler import make_gold

from spacy_llama_ner.prompting.prompt import choose_shots, make_messages

NLP = spacy.blank("en")
SHOT = make_gold(NLP, [("Oslo froze Oslo", ["B-LOC", "O", "B-LOC"])])
EMPTY = make_gold(NLP, [("It rained", ["O", "O"])])


def test_make_messages_asks_word_for_word():
    (message,) = make_messages("Oslo froze.")
    assert message == {
        "role": "user",
        "content": "Please identify all named entities in the following text and provide their types using the "
        "format: <entity> - <type>\n\nOslo froze.",
    }


def test_make_messages_puts_examples_before_as_turns():
    roles = [message["role"] for message in make_messages("It thawed.", [SHOT])]
    assert roles == ["user", "assistant", "user"]
    assert make_messages("It thawed.", [SHOT])[1]["content"] == "Oslo - LOC"


def test_choose_shots_takes_docs_with_entities_and_the_same_each_time():
    docs = [EMPTY, SHOT, EMPTY]
    assert choose_shots(docs, 1, seed=3) == [SHOT]


def test_choose_shots_refuses_more_than_there_are():
    with pytest.raises(ValueError, match="asks for 2 examples, and the corpus has 1 docs"):
        choose_shots([EMPTY, SHOT], 2, seed=0)
