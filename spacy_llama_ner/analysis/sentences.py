"""Cut predicted and gold Docs into sentences of plain data."""

from collections.abc import Mapping, Sequence

from spacy.tokens import Span
from spacy.training import Example

from spacy_llama_ner.analysis.factors import entity_buckets, sentence_buckets
from spacy_llama_ner.analysis.types import Entity, Sentence


def cut_sentences(
    examples: Sequence[Example], *, names: Mapping[str, set[str]] | None = None
) -> list[Sentence]:
    """Cut Docs at the gold sentence starts; a Doc without them is one sentence.

    Where an entity of either side goes over a sentence's end, the two sentences are joined, so that every entity
    is in exactly one of them.

    examples (Sequence[Example]): Predicted and gold Docs on the same tokens.
    names (Mapping[str, set[str]] | None): What `collect_names` found in the training corpus, if known.
    RETURNS (list[Sentence]): In the order of the corpus.
    """
    bounds = [_bounds(example) for example in examples]
    several = any(len(places) > 1 for places in bounds)
    sentences = []
    for doc, (example, places) in enumerate(zip(examples, bounds, strict=True), start=1):
        sides = [{ent.start: ent for ent in side.ents} for side in (example.reference, example.predicted)]
        for number, start, end in places:
            span = example.reference[start:end]
            words = tuple(token.text for token in span)
            shared = sentence_buckets(words, number=number if several else None)
            gold, predicted = (
                tuple(_entity(side[i], span, shared, names) for i in range(start, end) if i in side)
                for side in sides
            )
            sentences.append(Sentence(doc, number, words, span.text, gold, predicted))
    return sentences


def _bounds(example: Example) -> list[tuple[int, int, int]]:
    """RETURNS (list[tuple[int, int, int]]): Number, from 1, first token, and the token after the last of each sentence.

    Joined sentences have the first one's number.
    """
    doc = example.reference
    if not len(doc):
        return []
    starts = [(1, 0)]
    if doc.has_annotation("SENT_START"):
        inside = {
            i for side in (doc, example.predicted) for ent in side.ents for i in range(ent.start + 1, ent.end)
        }
        numbered = enumerate((sent.start for sent in doc.sents), start=1)
        starts += [(number, start) for number, start in numbered if start and start not in inside]
    ends = [*(start for _, start in starts[1:]), len(doc)]
    return [(number, start, end) for (number, start), end in zip(starts, ends, strict=True)]


def _entity(
    ent: Span, sentence: Span, shared: Mapping[str, str], names: Mapping[str, set[str]] | None
) -> Entity:
    words = [token.text for token in ent]
    return Entity(
        start=ent.start - sentence.start,
        end=ent.end - sentence.start,
        start_char=ent.start_char - sentence.start_char,
        end_char=ent.end_char - sentence.start_char,
        label=ent.label_,
        text=ent.text,
        score=ent._.score if Span.has_extension("score") else None,
        buckets={**entity_buckets(words, ent.label_, names=names), **shared},
    )
