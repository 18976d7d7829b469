"""A model on this machine."""

import pytest

from spacy_llama_ner.prompting.local import HuggingFaceProvider
from spacy_llama_ner.prompting.prompt import make_messages


def test_local_model_answers_the_same_each_time(tiny_llama):
    provider = HuggingFaceProvider(str(tiny_llama))
    reply = provider.ask(make_messages("Oslo froze."), max_tokens=5)
    assert reply == provider.ask(make_messages("Oslo froze."), max_tokens=5)
    assert reply.input_tokens > 5
    assert 1 <= reply.output_tokens <= 5


def test_local_model_uses_its_chat_template(tiny_llama):
    provider = HuggingFaceProvider(str(tiny_llama))
    plain = provider.ask(make_messages("Oslo froze."), max_tokens=1).input_tokens
    provider._tokenizer.chat_template = (
        "{% for m in messages %}{{ m.role }} {{ m.content }}{% endfor %} now answer now"
    )
    assert provider.ask(make_messages("Oslo froze."), max_tokens=1).input_tokens > plain


def test_local_model_without_room_gives_a_cut_answer(tiny_llama):
    provider = HuggingFaceProvider(str(tiny_llama))
    provider._network.config.max_position_embeddings = 4
    reply = provider.ask(make_messages("Oslo froze."), max_tokens=5)
    assert (reply.text, reply.truncated) == ("", True)


def test_local_model_that_is_none(tmp_path):
    with pytest.raises(ValueError, match="cannot be loaded as a causal language model"):
        HuggingFaceProvider(str(tmp_path))
