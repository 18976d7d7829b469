"""Hostile pieces of text, and hypothesis strategies for texts and Docs made of them."""

import unicodedata

from hypothesis import strategies as st

WHITESPACE = [chr(code) for code in range(0x110000) if chr(code).isspace()]  # 29 characters
CONTROL = [chr(code) for code in (*range(0x20), *range(0x7F, 0xA0))]
ZERO_WIDTH = [
    "\u200b",
    "\u200c",
    "\u200d",
    "\u2060",
    "\ufeff",
    "\u00ad",
    "\u180e",
    "\u200e",
    "\u202e",
    "\u2066",
]
COMBINING = [
    "\u0301",
    "\u0308\u0301",
    "\u20dd",
    "\ufe0f",
    "\u0345",
    "\u093f",
    "\u0e33",
    "a\u0301" + "\u0327" * 30,
]
EMOJI = [
    "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466",  # a family, joined by ZWJ
    "\U0001f3f3\ufe0f\u200d\U0001f308",
    "\U0001f1e9\U0001f1ea\U0001f1eb\U0001f1f7",  # two flags
    "\U0001f44d\U0001f3fd",  # a skin tone
    "\U0001f3fb",  # one that is alone
    "1\ufe0f\u20e3",
    "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",  # tag sequence
]
RIGHT_TO_LEFT = [
    "\u05e9\u05dc\u05d5\u05dd",
    "\u0645\u0631\u062d\u0628\u0627 Anna",
    "\u202eAnna\u202c",
    "\ufdfd",
    "\u06f1\u06f2",
]
CHANGES_LENGTH = [
    "\u0130stanbul",
    "\u1e9e",
    "\ufb03",
    "\u01c5",
    "\ud55c\uad6d",
    "\u1f82",
    "\u2126",
    "\u3382",
    "\ufdfa",
]
SPECIAL = [
    "<|begin_of_text|>",
    "<|end_of_text|>",
    "<|eot_id|>",
    "<|pad|>",
    "[CLS]",
    "[SEP]",
    "[MASK]",
    "[PAD]",
    "[UNK]",
    "<s>",
    "</s>",
    "<unk>",
    "<0x0A>",
    "##ing",
    "\u0120Anna",
    "\u2581Anna",
]
NAMES = [
    "Anna Kovac",
    "Berlin",
    "Northgate\nSteel",
    "U.S.",
    "it's",
    "3-1",
    "O'Neill",
    "x" * 60,
    "...",
    "(Sato)",
]
# every plane: its first and last characters, private use, unassigned and noncharacters
PLANES = [chr(plane << 16 | low) for plane in range(17) for low in (0x0001, 0x2FFF, 0xF8FF, 0xFFFE, 0xFFFF)]
FRAGMENTS = {
    "whitespace": WHITESPACE,
    "control": CONTROL,
    "zero width": ZERO_WIDTH,
    "combining": COMBINING,
    "emoji": EMOJI,
    "right to left": RIGHT_TO_LEFT,
    "changes length": CHANGES_LENGTH,
    "special": SPECIAL,
    "planes": PLANES,
}
assert all(
    unicodedata.category(char) != "Cs" for group in FRAGMENTS.values() for text in group for char in text
)

# Lone surrogates are no text for spaCy: it refuses them itself, see test_unicode.py.
characters = st.characters(exclude_categories=["Cs"])
any_plane = st.integers(0, 16).flatmap(
    lambda plane: st.characters(
        min_codepoint=plane << 16, max_codepoint=plane << 16 | 0xFFFF, exclude_categories=["Cs"]
    )
)
fragments = st.one_of(*(st.sampled_from(group) for group in FRAGMENTS.values()), st.sampled_from(NAMES))
mixtures = st.lists(fragments | st.just(" "), max_size=25).map("".join)
texts = st.one_of(
    st.text(characters, max_size=80),
    st.text(any_plane, max_size=40),
    mixtures,
    st.lists(st.sampled_from(NAMES) | mixtures, max_size=6).map(" ".join),
    st.text(st.sampled_from(WHITESPACE), max_size=20),
)
words = st.lists(
    st.tuples(
        st.one_of(fragments, st.text(characters, min_size=1, max_size=8), st.text(any_plane, min_size=1)),
        st.booleans(),
    ),
    max_size=25,
)
