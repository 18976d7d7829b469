"""Answers on disk."""

from spacy_llama_ner.prompting.cache import ReplyCache
from spacy_llama_ner.prompting.providers import Reply

REQUEST = {"model": "invented-1", "messages": [{"role": "user", "content": "Øslo?"}]}
REPLY = Reply("Øslo - LOC", truncated=False, input_tokens=4, output_tokens=2)


def test_cache_round_trip(tmp_path):
    cache = ReplyCache(tmp_path / "new")
    assert cache.read(REQUEST) is None
    cache.write(REQUEST, REPLY)
    assert ReplyCache(tmp_path / "new").read(REQUEST) == REPLY


def test_cache_tells_requests_apart(tmp_path):
    cache = ReplyCache(tmp_path)
    cache.write(REQUEST, REPLY)
    assert cache.read({**REQUEST, "model": "invented-2"}) is None


def test_cache_asks_again_where_a_file_is_damaged(tmp_path, caplog):
    cache = ReplyCache(tmp_path)
    cache.write(REQUEST, REPLY)
    (file,) = tmp_path.iterdir()
    file.write_text(file.read_text()[:-5])
    assert cache.read(REQUEST) is None
    assert "is damaged; the question is asked again" in caplog.text
