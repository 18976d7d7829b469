from collections import Counter

from spacy_llama_ner.corpus.markup import parse_line
from spacy_llama_ner.corpus.shared_names import SharedNames, count_names, shared_names


def names(*lines):
    return count_names(parse_line(line, place="a.txt") for line in lines)


def test_count_names_counts_forms_with_their_labels():
    assert names("[LOC Oslo] and [LOC Oslo]", "[ORG Oslo] beat [ORG Bergen City]") == Counter(
        {("Oslo", "LOC"): 2, ("Oslo", "ORG"): 1, ("Bergen City", "ORG"): 1}
    )


def test_shared_names_counts_names_and_mentions_by_label():
    train = names("[LOC Oslo] , [LOC Oslo] , [PER Anna] , [PER Berit]")
    split = names("[LOC Oslo] , [LOC Oslo] , [LOC Bergen]", "[PER Anna] , [PER Dag] , [PER Dag] , [PER Dag]")
    assert shared_names(split, train) == {
        "LOC": SharedNames(names=2, shared_names=1, mentions=3, shared_mentions=2),
        "PER": SharedNames(names=2, shared_names=1, mentions=4, shared_mentions=1),
        "all": SharedNames(names=4, shared_names=2, mentions=7, shared_mentions=3),
    }


def test_shared_names_tells_labels_and_case_apart():
    shared = shared_names(names("[LOC Oslo] , [LOC BERGEN]"), names("[ORG Oslo] , [LOC Bergen]"))
    assert shared["all"] == SharedNames(names=2, shared_names=0, mentions=2, shared_mentions=0)


def test_shared_names_of_a_split_without_entities():
    assert shared_names(names("It rained"), names("[LOC Oslo]")) == {"all": SharedNames(0, 0, 0, 0)}
