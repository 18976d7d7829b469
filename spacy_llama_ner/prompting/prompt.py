"""What a language model is asked."""

import random
from collections.abc import Sequence

from spacy.tokens import Doc

# Word for word that of the report whose recipe the profile llama-3.2-1b reproduces.
INSTRUCTION = (
    "Please identify all named entities in the following text and provide their types using the format: "
    "<entity> - <type>"
)
Message = dict[str, str]


def make_messages(text: str, shots: Sequence[Doc] = ()) -> list[Message]:
    """Write the question, after examples of the same form.

    text (str): To be read.
    shots (Sequence[Doc]): Annotated Docs, each an earlier question and its answer.
    RETURNS (list[dict[str, str]]): `role`, "user" and "assistant" in turns, and `content`.
    """
    messages = []
    for shot in shots:
        messages.append({"role": "user", "content": _question(shot.text)})
        messages.append({"role": "assistant", "content": write_answer(shot)})
    return [*messages, {"role": "user", "content": _question(text)}]


def write_answer(doc: Doc) -> str:
    """Write a Doc's entities as an answer should be: one a line, each pair of name and label once.

    doc (Doc): Annotated, with an entity at least.
    RETURNS (str): Lines.
    """
    lines = [f"{' '.join(ent.text.split())} - {ent.label_}" for ent in doc.ents]
    return "\n".join(dict.fromkeys(lines))


def choose_shots(docs: Sequence[Doc], count: int, *, seed: int) -> list[Doc]:
    """Draw examples.

    docs (Sequence[Doc]): Annotated Docs.
    count (int): How many to draw, of those with an entity.
    seed (int): Of the drawing.
    RETURNS (list[Doc]): In the order they were drawn.
    RAISES (ValueError): If there are not as many.
    """
    usable = [doc for doc in docs if doc.ents]
    if count > len(usable):
        raise ValueError(
            f"--few-shot asks for {count} examples, and the corpus has {len(usable)} docs with an entity: ask "
            "for fewer."
        )
    return random.Random(seed).sample(usable, count)


def _question(text: str) -> str:
    return f"{INSTRUCTION}\n\n{text}"
