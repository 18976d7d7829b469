"""Special pieces' strings in plain text are text: nobody ends a sequence by writing "</s>"."""

import pytest
from hostile_texts import SPECIAL
from properties import check_texts, count_entities
from random_pipelines import PIPE

from spacy_llama_ner.network.backbone import load_tokenizer, misread_pieces

BACKBONES = ["llama", "bert", "unigram", "llama-mini"]


def special_ids(tokenizer):
    added = {index for index, piece in tokenizer.added_tokens_decoder.items() if piece.special}
    return (added | set(tokenizer.all_special_ids)) - {tokenizer.unk_token_id}


def inner_ids(nlp, texts):
    """RETURNS (List[int]): All ids of the windows of some texts, without the special ones put around them."""
    shim = nlp.get_pipe(PIPE).shim
    before, after = shim._special_pieces
    windows = shim.windows([nlp.make_doc(text) for text in texts]).windows
    return [index for ids in windows for index in ids[len(before) : len(ids) - len(after)]]


@pytest.mark.parametrize("backbone", BACKBONES)
@pytest.mark.parametrize("text", [*SPECIAL, "＜/s＞"])
def test_special_strings_give_pieces_of_text(pipelines, backbone, text):
    nlp = pipelines.get(backbone)
    texts = [text, f"Anna {text} Kovac", f"Anna{text}Kovac", text * 3, text.upper()]
    ids = inner_ids(nlp, texts)
    assert ids
    assert special_ids(nlp.get_pipe(PIPE).shim.network.tokenizer).isdisjoint(ids)


@pytest.mark.parametrize("backbone", ["llama", "llama-mini"])
@pytest.mark.parametrize("text", SPECIAL)
def test_special_strings_give_pieces_that_spell_them(pipelines, backbone, text):
    nlp = pipelines.get(backbone)
    assert nlp.get_pipe(PIPE).shim.network.tokenizer.decode(inner_ids(nlp, [text])) == text


@pytest.mark.parametrize("backbone", BACKBONES)
def test_special_strings_hold_what_all_texts_hold(pipelines, backbone):
    texts = [" ".join(SPECIAL), "Anna".join(SPECIAL), *SPECIAL[:3], "".join(SPECIAL)]
    assert count_entities(check_texts(pipelines.get(backbone), texts)) > 5


@pytest.mark.parametrize("text", ["</s>", "＜/s＞", "<s>", "<pad>", "<|eot_id|>"])
def test_special_strings_that_a_model_knows_as_words_are_read_as_unknown(pipelines, text):
    tokenizer = load_tokenizer(str(pipelines.folders["unigram"]))
    ids = tokenizer.backend_tokenizer.encode(f"Anna {text}", add_special_tokens=False).ids
    misread = special_ids(tokenizer).intersection(ids)
    assert misread  # else the mapping would be needless
    assert {misread_pieces(tokenizer)[index] for index in misread} == {tokenizer.unk_token_id}


def test_special_strings_need_no_mapping_without_an_unknown_piece(pipelines):
    assert misread_pieces(load_tokenizer(str(pipelines.folders["llama"]))) == {}
