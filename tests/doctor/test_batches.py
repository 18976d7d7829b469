"""The sizes of batches."""

from spacy_llama_ner.doctor.batches import PieceReader, assumed_shapes, batch_shapes, read_epoch
from spacy_llama_ner.doctor.memory import BatchShape
from spacy_llama_ner.doctor.repositories import Repository
from spacy_llama_ner.doctor.tokens import check_tokenizer
from spacy_llama_ner.network.backbone import load_tokenizer


def make_reader(state, backbone):
    state.repository = Repository([], available=True)
    return PieceReader(load_tokenizer(str(backbone)), state.trunk, state.plan)


def test_piece_reader_counts_padding(make_state, tiny_llama):
    state = make_state()
    reader = make_reader(state, tiny_llama)
    nlp = state.plan.nlp
    docs = [nlp.make_doc("a b"), nlp.make_doc("a b c d")]  # <|begin_of_text|>, letters, spaces
    assert reader.shape(docs) == BatchShape(windows=2, longest=8, pieces=16, words=6)


def test_piece_reader_counts_no_padding_between_groups(make_state, tiny_llama):
    state = make_state(**{"model__max_batch_pieces": 8})
    reader = make_reader(state, tiny_llama)
    docs = [state.plan.nlp.make_doc("a b"), state.plan.nlp.make_doc("a b c d")]
    assert reader.shape(docs).pieces == 4 + 8


def test_batch_shapes_are_the_middle_one_and_the_largest(make_state, tiny_llama):
    state = make_state(training__batcher__size=2)
    reader = make_reader(state, tiny_llama)
    usual, largest = batch_shapes(state.epoch, reader, accumulate=1)
    assert usual.windows == largest.windows == 2
    assert 0 < usual.pieces < largest.pieces
    # Parts of one doc each.
    assert batch_shapes(state.epoch, reader, accumulate=2)[1].windows == 1


def test_assumed_shapes_end_at_the_window(make_state):
    state = make_state(training__batcher__size=8, **{"model__max_window_pieces": 100})
    usual, largest = assumed_shapes(state.epoch, state.plan)
    assert (usual.pieces, largest.pieces) == (8 * 64, 8 * 100)


def test_read_epoch_has_no_steps_where_the_corpus_is_invented(make_state):
    state = make_state(training__batcher__size=10)
    epoch = read_epoch(state.plan)
    assert epoch.steps is None
    assert len(epoch.batches) == 10  # 96 sentences


def test_check_tokenizer_of_bytes_loses_nothing(make_state, tiny_llama):
    state = make_state()
    docs = [state.plan.nlp.make_doc("Anna met Zoë in Zürich.")]
    rows = check_tokenizer(make_reader(state, tiny_llama), docs)
    assert [row.status for row in rows] == ["ok", "ok", "ok"]
    assert rows[2].figures["words"] == 6
    assert rows[2].figures["pieces_per_word"] > 1


def test_check_tokenizer_that_folds_case_and_misses_words_warns(make_state, tiny_bert):
    state = make_state(tiny_bert, **{"model__lora_target_modules": ["query", "value"]})
    docs = [state.plan.nlp.make_doc("Anna \u200b " * 2)]  # a zero-width space is a word without pieces
    rows = check_tokenizer(make_reader(state, tiny_bert), docs)
    assert rows[1].status == "warn"
    assert "comes back as" in rows[1].advice
    assert rows[2].status == "fail"
    assert rows[2].figures["words_without_pieces"] == 2
