"""The command `prompt`."""

import json

import pytest
from answering_server import AnsweringServer, openai_body
from ruler import make_gold, make_ruler, save_corpus
from spacy.tokens import DocBin

from spacy_llama_ner.prompting import calling

KEY = "sk-invented-key"
GOLD = [
    ("Lisbon slept .", ["B-LOC", "O", "O"]),
    ("Ilse Vandermeer left Oslo", ["B-PER", "I-PER", "O", "B-LOC"]),
]


@pytest.fixture
def corpus(tmp_path, monkeypatch):
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setattr(calling.Caller, "__init__", _without_waiting(calling.Caller.__init__))
    nlp = make_ruler()
    return save_corpus(tmp_path / "test.spacy", [make_gold(nlp, [sentence]) for sentence in GOLD])


def _without_waiting(original):
    def make(self, connect, max_calls, sleep=None):
        original(self, connect, max_calls, lambda seconds: None)

    return make


@pytest.fixture
def ask(run, tmp_path, corpus):
    def ask_server(server, *arguments, corpus=corpus):
        where = (
            "--base-url",
            f"{server.url}/v1",
            "--cache",
            tmp_path / "cache",
            "--output",
            tmp_path / "p.spacy",
        )
        return run("prompt", corpus, "--provider", "openai", "--model", "invented-1", *where, *arguments)

    return ask_server


def predicted(tmp_path):
    docs = DocBin().from_disk(tmp_path / "p.spacy").get_docs(make_ruler().vocab)
    return [[(ent.text, ent.label_) for ent in doc.ents] for doc in docs]


ANSWERS = [
    openai_body("Lisbon - City"),
    openai_body("Ilse Vandermeer - Person\nBergen - City\nTuesday - Date"),
]


def test_prompt_writes_predictions_and_what_they_took(ask, tmp_path):
    with AnsweringServer(ANSWERS) as server:
        done = ask(server, "--price", "1/10")
    assert done.exit_code == 0, done.output
    assert predicted(tmp_path) == [[("Lisbon", "LOC")], [("Ilse Vandermeer", "PER")]]
    result = json.loads((tmp_path / "p.json").read_text(encoding="utf8"))
    assert (result["calls"], result["cached"], result["retries"]) == (2, 0, 0)
    assert (result["input_tokens"], result["output_tokens"]) == (80, 14)
    assert result["cost"] == pytest.approx(220e-6)
    assert result["words_per_second"] > 0
    counts = result["answers"]
    assert (counts["said"], counts["invented"], counts["unknown_type"]) == (3, 1, 1)
    assert counts["unknown_types"] == {"Date": 1}


def test_prompt_asks_once_for_the_same(ask, tmp_path):
    with AnsweringServer(ANSWERS) as server:
        assert ask(server).exit_code == 0
        before = predicted(tmp_path)
        done = ask(server)
        assert done.exit_code == 0, done.output
        assert len(server.requests) == 2
    assert predicted(tmp_path) == before
    result = json.loads((tmp_path / "p.json").read_text(encoding="utf8"))
    assert (result["calls"], result["cached"], result["words_per_second"]) == (0, 2, None)


def test_prompt_stops_at_the_cap_and_goes_on(ask, tmp_path):
    with AnsweringServer(ANSWERS) as server:
        done = ask(server, "--max-calls", "1")
        assert done.exit_code == 1
        assert "as many as --max-calls allows" in done.output
        assert not (tmp_path / "p.spacy").exists()
        done = ask(server, "--max-calls", "1")
        assert done.exit_code == 0, done.output
        assert len(server.requests) == 2
    assert predicted(tmp_path)[1] == [("Ilse Vandermeer", "PER")]


def test_prompt_repeats_after_a_rate_limit(ask, tmp_path):
    with AnsweringServer([(429, {"retry-after": "0"}), (500, {}), *ANSWERS]) as server:
        done = ask(server)
    assert done.exit_code == 0, done.output
    assert json.loads((tmp_path / "p.json").read_text(encoding="utf8"))["retries"] == 2


def test_prompt_dry_run_makes_no_call_and_needs_no_key(ask, tmp_path, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY")
    with AnsweringServer(ANSWERS) as server:
        done = ask(server, "--dry-run", "--price", "1000000/0")
        assert server.requests == []
    assert done.exit_code == 0, done.output
    assert "cost, estimated" in done.output
    assert "unknown" not in done.output
    assert sorted(path.name for path in tmp_path.iterdir()) == ["test.spacy"]


def test_prompt_writes_the_key_nowhere(ask, tmp_path):
    with AnsweringServer([(401, {})]) as server:
        done = ask(server)
    assert done.exit_code == 1
    with AnsweringServer(ANSWERS) as server:
        output = done.output + ask(server).output
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) > 3
    assert not [path for path in files if KEY.encode() in path.read_bytes()]
    assert KEY not in output


def test_prompt_several_at_a_time_keeps_the_order(ask, tmp_path):
    both = openai_body("Lisbon - City\nIlse Vandermeer - Person\nOslo - City")
    with AnsweringServer([both]) as server:
        done = ask(server, "--concurrency", "2")
    assert done.exit_code == 0, done.output
    assert predicted(tmp_path) == [[("Lisbon", "LOC")], [("Ilse Vandermeer", "PER"), ("Oslo", "LOC")]]


def test_prompt_few_shot_needs_a_corpus_of_its_own(ask):
    with AnsweringServer(ANSWERS) as server:
        done = ask(server, "--few-shot", "1")
    assert done.exit_code == 1
    assert "--few-shot needs --train" in done.output


def test_prompt_few_shot_sends_examples(ask, corpus):
    with AnsweringServer(ANSWERS) as server:
        assert ask(server, "--few-shot", "1", "--train", corpus).exit_code == 0
        _, _, body = server.requests[0]
    assert [message["role"] for message in body["messages"]] == ["user", "assistant", "user"]


def test_prompt_of_a_model_on_this_machine(run, tmp_path, corpus, tiny_llama):
    where = ("--cache", tmp_path / "cache", "--output", tmp_path / "p.spacy", "--max-tokens", "4")
    done = run("prompt", corpus, "--provider", "huggingface", "--model", tiny_llama, *where)
    assert done.exit_code == 0, done.output
    result = json.loads((tmp_path / "p.json").read_text(encoding="utf8"))
    assert (result["calls"], result["cost"]) == (2, 0.0)


def test_prompt_asks_about_equal_texts_once(ask, tmp_path):
    twice = save_corpus(tmp_path / "twice.spacy", [make_gold(make_ruler(), [GOLD[0]]) for _ in range(2)])
    with AnsweringServer(ANSWERS) as server:
        done = ask(server, corpus=twice)
        assert len(server.requests) == 1
    assert done.exit_code == 0, done.output
    assert predicted(tmp_path) == [[("Lisbon", "LOC")]] * 2


@pytest.mark.parametrize("name", ["p.json", "test.spacy"])
def test_prompt_refuses_an_output_that_would_destroy_something(run, tmp_path, corpus, name):
    before = corpus.read_bytes()
    done = run("prompt", corpus, "--provider", "openai", "--model", "m", "--output", tmp_path / name)
    assert done.exit_code == 1
    assert "expected a file NAME.spacy that is not the corpus" in done.output.replace("\n", " ")
    assert corpus.read_bytes() == before


def test_prompt_stops_all_threads_at_a_fatal_error(ask, tmp_path):
    docs = [
        make_gold(make_ruler(), [(f"Lisbon slept {number}", ["B-LOC", "O", "O"])]) for number in range(40)
    ]
    many = save_corpus(tmp_path / "many.spacy", docs)
    with AnsweringServer([ANSWERS[0], (401, {})]) as server:
        done = ask(server, "--concurrency", "2", corpus=many)
        assert len(server.requests) <= 4
    assert done.exit_code == 1
    assert "is not accepted" in done.output


def test_prompt_asks_nothing_about_empty_docs(ask, tmp_path):
    nlp = make_ruler()
    mixed = save_corpus(tmp_path / "mixed.spacy", [nlp.make_doc(""), make_gold(nlp, [GOLD[0]])])
    with AnsweringServer(ANSWERS) as server:
        done = ask(server, corpus=mixed)
        assert len(server.requests) == 1
    assert done.exit_code == 0, done.output
    assert predicted(tmp_path) == [[], [("Lisbon", "LOC")]]
