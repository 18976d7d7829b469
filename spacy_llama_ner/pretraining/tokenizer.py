"""Train a byte-level BPE tokenizer as Llama 3's, or give an old one what pretraining needs."""

from collections.abc import Iterable

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers.tokenization_utils_fast import PreTrainedTokenizerFast

BEGIN, END, PAD, MASK = "<|begin_of_text|>", "<|end_of_text|>", "<|pad|>", "<|mask|>"
# Source: meta-llama/llama3, llama/tokenizer.py, Tokenizer.pat_str.
SPLIT_PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|"
    r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
SMALLEST_VOCABULARY = 256 + 4


def train_tokenizer(
    texts: Iterable[str], *, vocab_size: int, max_length: int = 2048
) -> PreTrainedTokenizerFast:
    """Train a byte-level BPE on texts.

    texts (Iterable[str]): Read once.
    vocab_size (int): Pieces, the 256 bytes and 4 special ones among them; fewer if the texts have no more pairs.
    max_length (int): What the tokenizer says of the model's longest window, in pieces.
    RETURNS (PreTrainedTokenizerFast): Puts `<|begin_of_text|>` in front of a text; loses no byte.
    RAISES (ValueError): If the vocabulary has no room for bytes and special pieces.
    """
    if vocab_size < SMALLEST_VOCABULARY:
        raise ValueError(
            f"vocab_size is {vocab_size}; expected at least {SMALLEST_VOCABULARY}: 256 bytes and 4 special pieces"
        )
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(SPLIT_PATTERN), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    backend.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=[BEGIN, END, PAD, MASK],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    backend.train_from_iterator(texts, trainer)
    begin = backend.token_to_id(BEGIN)
    backend.post_processor = processors.TemplateProcessing(
        single=f"{BEGIN} $A", pair=f"{BEGIN} $A {BEGIN} $B", special_tokens=[(BEGIN, begin)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        bos_token=BEGIN,
        eos_token=END,
        pad_token=PAD,
        mask_token=MASK,
        model_max_length=max_length,
        clean_up_tokenization_spaces=False,
    )


def add_mask(tokenizer: PreTrainedTokenizerFast) -> None:
    """Give a tokenizer a mask piece, as masked training needs it, if it has none; those of Llama models have none.

    tokenizer (PreTrainedTokenizerFast): Changed in place; the model's embeddings may have to grow.
    """
    if tokenizer.mask_token_id is None:
        tokenizer.add_special_tokens({"mask_token": MASK})
