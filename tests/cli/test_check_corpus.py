import json

import pytest
from markup_folder import write_markup_folder

GOOD = "[LOC Oslo] waits for [PER Anna Kovac] .\n[ORG Oslo] won .\n"
WHY = {"Oslo": "the city (LOC) and its club (ORG)"}
# 12 names, each as LOC and as ORG.
MANY = "".join(f"[LOC Town{i:02}] beat [ORG Town{i:02}] .\n" for i in range(12))


def rows(result):
    return [line.split() for line in result.output.splitlines()]


def test_check_corpus_accepts_a_good_corpus(run, tmp_path):
    result = run("check-corpus", write_markup_folder(tmp_path, GOOD, labels=WHY))
    assert result.exit_code == 0
    assert f"{tmp_path}isinorder" in "".join(result.output.split())


def test_check_corpus_prints_what_splits_hold(run, tmp_path):
    result = run("check-corpus", write_markup_folder(tmp_path, GOOD, "[LOC Oslo] !\n", labels=WHY))
    found = rows(result)
    assert [
        "Split",
        "Articles",
        "Sentences",
        "Tokens",
        "Entities",
        "LOC",
        "%",
        "ORG",
        "%",
        "PER",
        "%",
    ] in found
    assert ["train", "1", "2", "9", "3", "33.3", "33.3", "33.3"] in found
    assert ["test", "1", "1", "3", "0", "-", "-", "-"] in found


def test_check_corpus_prints_shared_names(run, tmp_path):
    text = "[LOC Oslo] and [LOC Oslo] and [LOC Bergen] .\n"
    result = run("check-corpus", write_markup_folder(tmp_path, GOOD, text, labels=WHY))
    assert ["dev", "50.0", "/", "66.7", "-", "-", "50.0", "/", "66.7"] in rows(result)
    assert ["test", "-", "-", "-", "-", "/", "-"] in rows(result)


def test_check_corpus_prints_explanations_beside_the_forms(run, tmp_path):
    text = GOOD + "[PER May] and [PER May] .\nIn May , May , May and May .\n"
    folder = write_markup_folder(tmp_path, text, labels=WHY, unmarked={"May": "the month"})
    lines = run("check-corpus", folder).output.splitlines()
    labels = lines.index("Oslo: LOC 1 (articles/001-a.txt:1), ORG 1 (articles/001-a.txt:2)")
    assert lines[labels + 1] == "    the city (LOC) and its club (ORG)"
    place = "articles/001-a.txt:4"
    unmarked = lines.index(f"May: PER 2, unmarked at {place}, {place}, {place} and 1 more")
    assert lines[unmarked + 1] == "    the month"


def test_check_corpus_fails_and_names_all_problems(run, tmp_path):
    result = run("check-corpus", write_markup_folder(tmp_path, GOOD + "10% of it .\n"))
    assert result.exit_code == 1
    assert f"2problemsin{tmp_path}" in "".join(result.output.split())
    lines = result.output.splitlines()
    assert (
        f"{tmp_path}/articles/001-a.txt:3: % is not split off in '10%'. Make it a token of its own." in lines
    )
    assert any(line.startswith(f"{tmp_path}/ambiguous.json: labels: 'Oslo' is not") for line in lines)


def test_check_corpus_names_an_unexplained_form_once(run, tmp_path):
    assert run("check-corpus", write_markup_folder(tmp_path, GOOD)).output.count("articles/001-a.txt:2") == 1


def test_check_corpus_fails_with_a_message(run, tmp_path):
    (write_markup_folder(tmp_path, GOOD) / "splits.json").unlink()
    result = run("check-corpus", tmp_path)
    assert result.exit_code == 1
    assert "splits.json: no such file" in result.output


def test_check_corpus_prints_agreement(run, tmp_path):
    second = {"001-a": "[LOC Oslo] waits for [PER Anna] Kovac .\n[ORG Oslo] won .\n"}
    result = run("check-corpus", write_markup_folder(tmp_path, GOOD, labels=WHY, second=second))
    assert result.exit_code == 0
    assert "Two annotations of 1 articles, 2 sentences" in result.output
    found = rows(result)
    assert ["Tokens", "9"] in found
    assert ["Same", "tag,", "%", "88.89"] in found
    # Tags of both: O 5 6, the other three but I-PER 1 1: (8 * 9 - 33) / (81 - 33).
    assert ["Cohen's", "kappa", "0.812"] in found
    assert ["PER", "0.00", "1", "1", "0"] in found
    assert ["all", "66.67", "3", "3", "2"] in found
    assert "articles/001-a.txt:1  [PER Anna Kovac]  |  [PER Anna] Kovac" in result.output.splitlines()


def test_check_corpus_prints_unknown_agreement_as_a_dash(run, tmp_path):
    result = run("check-corpus", write_markup_folder(tmp_path, second={"001-a": "It rained .\n"}))
    assert ["Cohen's", "kappa", "-"] in rows(result)
    assert ["all", "-", "0", "0", "0"] in rows(result)


@pytest.mark.parametrize(
    ("options", "shown", "more"), [((), 10, 2), (("--show", 3), 3, 9), (("--show", 0), 12, 0)]
)
def test_check_corpus_shows_so_many_rows_of_each_list(run, tmp_path, options, shown, more):
    folder = write_markup_folder(
        tmp_path,
        MANY,
        labels={f"Town{i:02}": "city and club" for i in range(12)},
        second={"001-a": MANY.replace("LOC", "MISC")},
    )
    result = run("check-corpus", folder, *options)
    assert result.output.count("    city and club") == shown
    assert result.output.count("  |  [MISC Town") == shown
    assert result.output.count(f"... and {more} more (--show 0)") == (2 if more else 0)


def test_check_corpus_shows_all_problems(run, tmp_path):
    result = run("check-corpus", write_markup_folder(tmp_path, MANY), "--show", 1)
    assert result.output.count("is not explained") == 12


def test_check_corpus_writes_the_report(run, tmp_path):
    second = {"001-a": "[LOC Oslo] waits for [PER Anna] Kovac .\n[ORG Oslo] won .\n"}
    folder = write_markup_folder(tmp_path, GOOD, labels=WHY, second=second)
    output = tmp_path / "metrics" / "corpus.json"
    run("check-corpus", folder, "--output", output)
    report = json.loads(output.read_text(encoding="utf-8"))
    assert report["counts"]["train"]["labels"] == {"LOC": 1, "ORG": 1, "PER": 1}
    assert report["shared"]["dev"]["all"] == dict.fromkeys(
        ("names", "shared_names", "mentions", "shared_mentions"), 0
    )
    assert report["ambiguous"] == [
        {
            "form": "Oslo",
            "counts": {"LOC": 1, "ORG": 1},
            "places": {"LOC": "articles/001-a.txt:1", "ORG": "articles/001-a.txt:2"},
            "why": WHY["Oslo"],
        }
    ]
    assert report["agreement"]["articles"] == 1
    assert report["agreement"]["entities"] == {"first": 3, "second": 3, "both": 2, "f1": 2 / 3}
    assert report["agreement"]["labels"]["PER"]["f1"] == 0
    assert len(report["agreement"]["disagreements"]) == 1
    assert report["problems"] == []


def test_check_corpus_writes_the_report_of_a_corpus_with_problems(run, tmp_path):
    output = tmp_path / "corpus.json"
    result = run("check-corpus", write_markup_folder(tmp_path, GOOD), "--output", output)
    assert result.exit_code == 1
    report = json.loads(output.read_text(encoding="utf-8"))
    assert len(report["problems"]) == 1
    assert report["ambiguous"][0]["why"] is None
    assert report["agreement"] is None


def test_check_corpus_lists_forms_of_conll_files(run, tmp_path):
    for split in ("train", "dev", "test"):
        (tmp_path / f"{split}.txt").write_text("Oslo B-LOC\nbeat O\nOslo B-ORG\n", encoding="utf-8")
    result = run("check-corpus", tmp_path)
    assert result.exit_code == 0
    assert "Oslo: LOC 3 (train.txt:1), ORG 3 (train.txt:3)" in result.output.splitlines()
    assert ["train", "unknown", "1", "3", "2", "50.0", "50.0"] in rows(result)
