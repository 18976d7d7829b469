import json

import pytest

from spacy_llama_ner.corpus.article import CorpusError
from spacy_llama_ner.corpus.explanations import Explanations, read_explanations


def read(tmp_path, content):
    path = tmp_path / "ambiguous.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return read_explanations(path)


def test_read_explanations_reads_both_kinds(tmp_path):
    content = {"labels": {"Oslo": "city and club"}, "unmarked": {"May": "the month"}}
    assert read(tmp_path, content) == Explanations({"Oslo": "city and club"}, {"May": "the month"})


def test_read_explanations_without_a_file_is_empty(tmp_path):
    assert read_explanations(tmp_path / "ambiguous.json") == Explanations()


@pytest.mark.parametrize(
    ("content", "match"),
    [
        ("{", r"ambiguous.json: not JSON: .* Expected \{\"labels\""),
        ([], "other keys than labels and unmarked. Expected"),
        ({"Oslo": "city and club"}, "other keys than labels and unmarked. Expected"),
        ({"labels": {}}, "other keys than labels and unmarked. Expected"),
        ({"labels": [], "unmarked": {}}, "labels is not an object. Expected"),
        ({"labels": {}, "unmarked": {"May": " "}}, "unmarked: no explanation of 'May'. Write one"),
        ({"labels": {"Oslo": 1}, "unmarked": {}}, "labels: no explanation of 'Oslo'. Write one"),
        ('{"labels": {"Oslo": "a", "Oslo": "b"}, "unmarked": {}}', "'Oslo' stands there twice. Remove one"),
    ],
)
def test_read_explanations_refuses(tmp_path, content, match):
    with pytest.raises(CorpusError, match=match):
        read(tmp_path, content)
