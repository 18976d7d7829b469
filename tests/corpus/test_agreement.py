import random

import pytest
from seqeval.metrics import classification_report
from seqeval.scheme import IOB2

from spacy_llama_ner.corpus.agreement import Disagreement, EntityAgreement, cohens_kappa, compare
from spacy_llama_ner.corpus.article import Sentence
from spacy_llama_ner.corpus.markup import parse_line
from spacy_llama_ner.corpus.placed import PlacedSentence
from spacy_llama_ner.corpus.tagging import to_iob2


def pair(first, second, line=1):
    sentences = [parse_line(x, place="a.txt") for x in (first, second)]
    return tuple(PlacedSentence(x, "a.txt", (line,) * len(x.words)) for x in sentences)


def random_pairs(seed):
    """Sentences in two annotations that agree often."""
    generator = random.Random(seed)
    pairs = []
    for _ in range(40):
        first = [generator.choice(["O", "O", "B-PER", "I-PER", "B-LOC", "I-LOC"]) for _ in range(9)]
        second = [tag if generator.random() < 0.8 else "O" for tag in first]
        words = tuple(f"w{i}" for i in range(9))
        pairs.append(
            tuple(PlacedSentence(Sentence(words, to_iob2(x)), "a.txt", (1,) * 9) for x in (first, second))
        )
    return pairs


def test_cohens_kappa_by_hand():
    # Both A 20, both B 15, A then B 5, B then A 10: observed 0.7, expected 0.5 * 0.6 + 0.5 * 0.4 = 0.5.
    tags = [("A", "A")] * 20 + [("B", "B")] * 15 + [("A", "B")] * 5 + [("B", "A")] * 10
    assert cohens_kappa(tags) == pytest.approx(0.4, abs=1e-15)


def test_cohens_kappa_by_hand_of_three_tags():
    # Observed 4 / 6, expected (3 * 2 + 2 * 1 + 1 * 3) / 36: (24 - 11) / (36 - 11).
    tags = [("O", "O"), ("O", "O"), ("O", "I"), ("B", "B"), ("B", "I"), ("I", "I")]
    assert cohens_kappa(tags) == pytest.approx(0.52, abs=1e-15)


@pytest.mark.parametrize(
    ("tags", "kappa"),
    [
        ([("O", "O"), ("B", "B")], 1.0),
        ([("O", "B"), ("B", "O")], -1.0),
        ([("O", "O"), ("O", "B"), ("B", "O"), ("B", "B")], 0.0),
        ([("O", "B")], 0.0),
        ([("O", "O"), ("O", "O")], None),
    ],
)
def test_cohens_kappa_at_its_marks(tags, kappa):
    assert cohens_kappa(tags) == kappa


def test_compare_counts_by_hand():
    pairs = [
        pair("[PER Anna Kovac] of [ORG Bank] sails", "[PER Anna Kovac] of [LOC Bank] sails"),
        pair("[LOC Oslo] waits", "[LOC Oslo] [MISC waits]"),
    ]
    found = compare(pairs)
    assert (found.sentences, found.tokens, found.same_tags) == (2, 7, 5 / 7)
    assert found.entities == EntityAgreement(first=3, second=4, both=2)
    assert found.labels == {
        "LOC": EntityAgreement(first=1, second=2, both=1),
        "MISC": EntityAgreement(first=0, second=1, both=0),
        "ORG": EntityAgreement(first=1, second=0, both=0),
        "PER": EntityAgreement(first=1, second=1, both=1),
    }
    # Tags of both: B-PER 1 1, I-PER 1 1, O 3 2, B-ORG 1 0, B-LOC 1 2, B-MISC 0 1.
    expected = (1 + 1 + 3 * 2 + 1 * 2) / 49
    assert found.kappa == pytest.approx((5 / 7 - expected) / (1 - expected), abs=1e-15)


def test_compare_takes_kappa_over_the_tags_of_all_sentences():
    pairs = random_pairs(0)
    tags = [x for a, b in pairs for x in zip(a.sentence.tags, b.sentence.tags, strict=True)]
    assert compare(pairs).kappa == cohens_kappa(tags)


@pytest.mark.parametrize("seed", range(5))
def test_compare_has_the_f1_of_seqeval(seed):
    pairs = random_pairs(seed)
    first, second = ([list(pair[i].sentence.tags) for pair in pairs] for i in (0, 1))
    report = classification_report(first, second, mode="strict", scheme=IOB2, output_dict=True)
    found = compare(pairs)
    assert 0.3 < found.entities.f1 < 0.95
    assert found.entities.f1 == pytest.approx(report["micro avg"]["f1-score"], abs=1e-12)
    for label in ("PER", "LOC"):
        assert found.labels[label].f1 == pytest.approx(report[label]["f1-score"], abs=1e-12)


def test_f1_without_entities_is_unknown():
    found = compare([pair("It rained", "It rained")])
    assert (found.entities.f1, found.kappa, found.same_tags) == (None, None, 1.0)


def test_compare_lists_disagreements_in_markup():
    pairs = [
        pair("[PER Anna] of [ORG Bank of Oslo] sails", "[PER Anna] of [ORG Bank] of [LOC Oslo] sails"),
        pair("[LOC Oslo] waits for [PER Dag]", "Oslo waits for [ORG Dag]", line=7),
    ]
    assert compare(pairs).disagreements == (
        Disagreement("a.txt:1", "[ORG Bank of Oslo]", "[ORG Bank] of [LOC Oslo]"),
        Disagreement("a.txt:7", "[LOC Oslo]", "Oslo"),
        Disagreement("a.txt:7", "[PER Dag]", "[ORG Dag]"),
    )


def test_compare_lists_no_disagreement_of_equal_annotations():
    assert compare([pair("[PER Anna] sails", "[PER Anna] sails")]).disagreements == ()


def test_compare_joins_chains_of_overlapping_entities():
    (found,) = compare([pair("[ORG a b] [LOC c d] e", "a [ORG b c] [LOC d e]")]).disagreements
    assert found == Disagreement("a.txt:1", "[ORG a b] [LOC c d] e", "a [ORG b c] [LOC d e]")


def test_compare_takes_an_entity_around_another_whole():
    (found,) = compare([pair("[ORG a b c] d", "a [LOC b] c d")]).disagreements
    assert found == Disagreement("a.txt:1", "[ORG a b c]", "a [LOC b] c")


def test_compare_lists_neighbours_apart():
    found = compare([pair("[PER Anna] [LOC Oslo]", "Anna Oslo")]).disagreements
    assert [x.first for x in found] == ["[PER Anna]", "[LOC Oslo]"]
