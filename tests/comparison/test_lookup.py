"""The lookup baseline, on hand-made cases."""

import spacy
from ruler import make_gold

from spacy_llama_ner.comparison.lookup import train_lookup


def train(*sentences):
    nlp = spacy.blank("en")
    return train_lookup([make_gold(nlp, [sentence]) for sentence in sentences])


def found(nlp, text):
    doc = nlp(spacy.tokens.Doc(nlp.vocab, words=text.split()))
    return [(ent.text, ent.label_) for ent in doc.ents]


def test_lookup_finds_names_with_one_label_and_leaves_ambiguous_ones_out():
    nlp = train(
        ("Lisbon met Sato", ["B-LOC", "O", "B-PER"]),
        ("Lisbon rose", ["B-LOC", "O"]),
        ("Sato rose", ["B-ORG", "O"]),
    )
    assert found(nlp, "Sato left Lisbon") == [("Lisbon", "LOC")]


def test_lookup_takes_the_longest_name():
    nlp = train(
        ("New York slept", ["B-LOC", "I-LOC", "O"]),
        ("York United Bank slept", ["B-ORG", "I-ORG", "I-ORG", "O"]),
        ("York slept", ["B-PER", "O"]),
    )
    assert found(nlp, "New York United Bank") == [("York United Bank", "ORG")]
    assert found(nlp, "New York United") == [("New York", "LOC")]


def test_lookup_reads_the_corpus_tokens():
    # spaCy's tokenizer would part the name at its hyphens.
    nlp = train(("Stoke-on-Trent slept", ["B-LOC", "O"]))
    assert found(nlp, "in Stoke-on-Trent today") == [("Stoke-on-Trent", "LOC")]


def test_lookup_tells_upper_from_lower_case():
    nlp = train(("Reading slept", ["B-LOC", "O"]))
    assert found(nlp, "reading a book") == []


def test_lookup_saved_and_loaded_finds_the_same(tmp_path):
    nlp = train(("Åre met Li Na", ["B-LOC", "O", "B-PER", "I-PER"]))
    nlp.to_disk(tmp_path)
    assert found(spacy.load(tmp_path), "Li Na in Åre") == [("Li Na", "PER"), ("Åre", "LOC")]
