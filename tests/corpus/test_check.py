import pytest
from markup_folder import write_markup_folder

from spacy_llama_ner.corpus.check import check_corpus
from spacy_llama_ner.corpus.conll import format_conll
from spacy_llama_ner.corpus.placed import read_placed_corpus
from spacy_llama_ner.corpus.shared_names import SharedNames

AMBIGUOUS = "[LOC Oslo] waits .\n[ORG Oslo] won .\n"
UNMARKED = "[PER May] , [PER May] .\nIn May .\n"


def as_conll(folder, target):
    """The same corpus as CoNLL files."""
    target.mkdir()
    for split, corpus in read_placed_corpus(folder).corpora.items():
        (target / f"{split}.conll").write_text(format_conll(corpus.articles), encoding="utf-8")
    return target


def test_check_corpus_finds_nothing_wrong_with_a_good_corpus(tmp_path):
    folder = write_markup_folder(
        tmp_path, AMBIGUOUS + UNMARKED, labels={"Oslo": "city and club"}, unmarked={"May": "the month"}
    )
    check = check_corpus(folder)
    assert check.problems == ()
    assert check.explain
    assert [x.form for x in check.ambiguous] == ["Oslo"]
    assert [x.form for x in check.unmarked] == ["May"]


def test_check_corpus_names_unexplained_forms(tmp_path):
    folder = write_markup_folder(tmp_path, AMBIGUOUS + UNMARKED)
    assert check_corpus(folder).problems == (
        f"{folder}/ambiguous.json: labels: 'Oslo' is not explained: LOC 1 (articles/001-a.txt:1), "
        "ORG 1 (articles/001-a.txt:2). Explain it, or mend the annotation.",
        f"{folder}/ambiguous.json: unmarked: 'May' is not explained: PER 2, but unmarked at "
        "articles/001-a.txt:4. Explain it, or mend the annotation.",
    )


def test_check_corpus_looks_across_splits(tmp_path):
    folder = write_markup_folder(tmp_path, "[LOC Oslo] waits .\n", "It rained .\n", "[ORG Oslo] won .\n")
    (problem,) = check_corpus(folder).problems
    assert "ORG 1 (articles/003-c.txt:1)" in problem


@pytest.mark.parametrize(
    ("kind", "problem"),
    [("labels", "has one label at most in the corpus"), ("unmarked", "is not found unmarked in the corpus")],
)
@pytest.mark.parametrize("text", ["It rained .\n", "[PER May] sails .\n"])
def test_check_corpus_names_needless_explanations(tmp_path, kind, problem, text):
    folder = write_markup_folder(tmp_path, text, **{kind: {"May": "the month"}})
    assert check_corpus(folder).problems == (
        f"{folder}/ambiguous.json: {kind}: 'May' {problem}. Remove the explanation.",
    )


def test_check_corpus_takes_no_explanation_for_the_other_kind(tmp_path):
    folder = write_markup_folder(tmp_path, AMBIGUOUS, unmarked={"Oslo": "city and club"})
    assert len(check_corpus(folder).problems) == 2


def test_check_corpus_counts_splits_and_shared_names(tmp_path):
    folder = write_markup_folder(tmp_path, "[LOC Oslo] , [PER Anna] .\n", "[LOC Oslo] , [LOC Bergen] .\n")
    check = check_corpus(folder)
    assert check.counts["dev"].labels == {"LOC": 2}
    assert [check.counts[x].entities for x in ("train", "dev", "test")] == [2, 2, 0]
    assert check.shared["dev"]["LOC"] == SharedNames(2, 1, 2, 1)
    assert check.shared["test"] == {"all": SharedNames(0, 0, 0, 0)}


def test_check_corpus_compares_a_second_annotation(tmp_path):
    second = {"001-a": "[LOC Oslo] waits .\n[LOC Oslo] won .\n", "002-b": "It rained .\n"}
    folder = write_markup_folder(tmp_path, AMBIGUOUS, labels={"Oslo": "city and club"}, second=second)
    check = check_corpus(folder)
    assert check.problems == ()
    assert check.agreement_articles == 2
    assert check.agreement.sentences == 3
    assert check.agreement.entities.f1 == 0.5


def test_check_corpus_names_problems_of_markup_and_of_the_second_annotation(tmp_path):
    folder = write_markup_folder(tmp_path, "Oslo, waits .\n", second={"001-a": "Bergen waits .\n"})
    first, second = check_corpus(folder).problems
    assert first.startswith(f"{folder}/articles/001-a.txt:1: , is not split off in 'Oslo,'")
    assert second.startswith(f"{folder}/second/001-a.txt:1: the token 'Bergen'")


def test_check_corpus_lists_forms_of_conll_without_explanations(tmp_path):
    folder = write_markup_folder(tmp_path, AMBIGUOUS + UNMARKED)
    check = check_corpus(as_conll(folder, tmp_path / "conll"))
    assert check.problems == ()
    assert not check.explain
    assert ([x.form for x in check.ambiguous], [x.form for x in check.unmarked]) == (["Oslo"], ["May"])
    assert check.agreement is None


def test_check_corpus_of_conll_wants_explanations_where_the_file_is(tmp_path):
    folder = write_markup_folder(tmp_path, AMBIGUOUS + UNMARKED, labels={"Oslo": "city and club"})
    conll = as_conll(folder, tmp_path / "conll")
    (conll / "ambiguous.json").write_bytes((folder / "ambiguous.json").read_bytes())
    (problem,) = check_corpus(conll).problems
    assert "unmarked: 'May' is not explained" in problem
