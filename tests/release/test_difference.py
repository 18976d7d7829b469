import pytest

from spacy_llama_ner.release.difference import compare_entities, objections


def ent(start, score, label="PER", text="Ann"):
    return {"start": start, "end": start + 3, "text": text, "label": label, "score": score}


def test_compare_entities_counts_and_finds_the_largest_difference():
    before = [[ent(0, 0.5), ent(9, 0.8, text="Eva")], [], [ent(0, None)]]
    after = [[ent(0, 0.51), ent(9, 0.7, text="Eva")], [], [ent(0, None)]]
    result = compare_entities(before, after)
    assert (result["texts"], result["entities"], result["gone"], result["new"]) == (3, 3, [], [])
    largest = result["largest"]
    assert (largest["number"], largest["text"], largest["before"], largest["after"]) == (1, "Eva", 0.8, 0.7)


@pytest.mark.parametrize(
    "other",
    [ent(0, 0.5, label="LOC"), ent(1, 0.5), {**ent(0, 0.5), "end": 4}, ent(0, None)],
    ids=["label", "start", "end", "no score"],
)
def test_compare_entities_finds_what_is_gone_and_new(other):
    result = compare_entities([[], [ent(0, 0.5)]], [[], [other]])
    assert result["gone"] == [{"number": 2, **ent(0, 0.5)}]
    assert result["new"] == [{"number": 2, **other}]
    assert result["largest"] is None


def test_compare_entities_of_other_texts_is_refused():
    with pytest.raises(ValueError, match="shorter"):
        compare_entities([[], []], [[]])


@pytest.mark.parametrize(("after", "count"), [(0.55, 0), (0.57, 1), (float("nan"), 1)])
def test_objections_to_a_score(after, count):
    lines = objections(compare_entities([[ent(0, 0.5)]], [[ent(0, after)]]), tolerance=0.06)
    assert len(lines) == count


def test_objections_say_which_score_differs():
    [line] = objections(compare_entities([[], [ent(0, 0.5)]], [[], [ent(0, 0.6)]]), tolerance=0.05)
    assert line == "The score of 'Ann' in text 2 differs by 0.1, more than 0.05: 0.500 before, 0.600 after."


def test_objections_name_entities_in_order():
    comparison = compare_entities([[ent(0, 0.5), ent(9, 0.4)]], [[ent(0, 0.5, "LOC"), ent(9, 0.4)]])
    assert objections(comparison, tolerance=0) == [
        "Of 2 entities 1 are gone and 1 are new: text 1: gone 'Ann' (PER, 0.500); text 1: new 'Ann' (LOC, 0.500)."
    ]


def test_objections_name_ten_entities_and_count_the_rest():
    comparison = compare_entities([[ent(4 * i, None) for i in range(13)]], [[]])
    [line] = objections(comparison, tolerance=0)
    assert line.count("gone 'Ann' (PER, no score)") == 10
    assert line.endswith("and 3 more.")
