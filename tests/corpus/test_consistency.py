import pytest

from spacy_llama_ner.corpus.consistency import AmbiguousForm, UnmarkedForm, ambiguous_forms, unmarked_forms
from spacy_llama_ner.corpus.markup import parse_line
from spacy_llama_ner.corpus.placed import PlacedSentence


def placed(*lines):
    """One sentence a line, in lines 1, 2, ..."""
    sentences = [parse_line(line, place="a.txt") for line in lines]
    return [PlacedSentence(x, "a.txt", (i,) * len(x.words)) for i, x in enumerate(sentences, start=1)]


def test_ambiguous_forms_counts_labels_and_names_first_places():
    sentences = placed("[ORG Oslo] won", "[LOC Oslo] waits", "[LOC Oslo] and [LOC Bergen]", "[LOC Bergen]")
    assert ambiguous_forms(sentences) == [
        AmbiguousForm("Oslo", {"LOC": 2, "ORG": 1}, {"ORG": "a.txt:1", "LOC": "a.txt:2"})
    ]


def test_ambiguous_forms_tells_case_and_length_apart():
    assert ambiguous_forms(placed("[ORG OSLO] beat [ORG Oslo City] in [LOC Oslo]")) == []


def test_ambiguous_forms_are_sorted():
    sentences = placed("[ORG Oslo] [LOC Oslo] [ORG Bergen] [LOC Bergen]")
    assert [x.form for x in ambiguous_forms(sentences)] == ["Bergen", "Oslo"]


def test_unmarked_forms_names_labels_and_all_places():
    sentences = placed("[LOC New Oslo]", "[ORG New Oslo] won", "New Oslo waits", "in New Oslo and New Oslo")
    assert unmarked_forms(sentences) == [
        UnmarkedForm("New Oslo", {"LOC": 1, "ORG": 1}, ("a.txt:3", "a.txt:4", "a.txt:4"))
    ]


@pytest.mark.parametrize(
    "lines",
    [
        ("[LOC Oslo]", "Oslo waits"),  # Annotated once only.
        ("[LOC Oslo]", "[LOC Oslo]", "[ORG Oslo Port] waits"),  # Inside another entity.
        ("[LOC New Oslo]", "[LOC New Oslo]", "New [LOC Oslo]"),  # One token annotated.
        ("[LOC Oslo]", "[LOC Oslo]", "OSLO waits"),  # Another form.
        ("[LOC New Oslo]", "[LOC New Oslo]", "New and Oslo"),
        ("[MISC rap]", "[MISC rap]", "rap is loud"),  # Lower case.
        ("[PER K]", "[PER K]", "the letter K"),  # One character.
        ("[MISC 707]", "[MISC 707]", "707 men"),  # No letter.
        ("[MISC a K]", "[MISC a K]", "a K"),
    ],
)
def test_unmarked_forms_leaves(lines):
    assert unmarked_forms(placed(*lines)) == []


def test_unmarked_forms_takes_a_form_with_one_capitalised_token():
    sentences = placed("[PER van Dijk]", "[PER van Dijk]", "van Dijk sails")
    assert [x.form for x in unmarked_forms(sentences)] == ["van Dijk"]


def test_unmarked_forms_counts_the_longest_form_alone():
    marked = ("[LOC Oslo]", "[LOC Oslo]", "[LOC New Oslo]", "[LOC New Oslo]")
    assert [x.form for x in unmarked_forms(placed(*marked, "in New Oslo"))] == ["New Oslo"]


def test_unmarked_forms_finds_the_short_form_beside_the_long_one():
    marked = ("[LOC Oslo]", "[LOC Oslo]", "[LOC New Oslo]", "[LOC New Oslo]")
    found = unmarked_forms(placed(*marked, "New Oslo", "Oslo"))
    assert [(x.form, x.places) for x in found] == [("New Oslo", ("a.txt:5",)), ("Oslo", ("a.txt:6",))]
