import pytest

from spacy_llama_ner.corpus import source as source_module
from spacy_llama_ner.corpus.article import CorpusError
from spacy_llama_ner.corpus.source import find_split, read_source


def first_word(corpus):
    return next(corpus.sentences).words[0]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder `data` with a train and a dev file, in the current folder."""
    monkeypatch.chdir(tmp_path)
    data = tmp_path / "data"
    data.mkdir()
    (data / "train.txt").write_text("Anna B-PER\n", encoding="utf-8")
    (data / "valid.conll").write_text("Oslo B-LOC\n", encoding="utf-8")
    (data / "train.spacy").write_bytes(b"")
    return data


@pytest.fixture
def hub_calls(monkeypatch):
    """What the hub was asked for, instead of asking it."""
    calls = []
    monkeypatch.setattr(source_module, "read_hub", lambda name, **options: calls.append((name, options)))
    return calls


def write_config(tmp_path, paths):
    path = tmp_path / "mini.cfg"
    path.write_text(f"[paths]\n{paths}\n\n[nlp]\nlang = ${{vars.missing}}\n", encoding="utf-8")
    return path


def test_read_source_reads_a_file_whatever_the_split(folder):
    assert first_word(read_source("data/train.txt", split="test")) == "Anna"
    assert first_word(read_source("data/train.txt")) == "Anna"


def test_read_source_reads_the_split_of_a_folder(folder):
    assert first_word(read_source("data", split="dev")) == "Oslo"


def test_read_source_repairs(folder):
    (folder / "train.txt").write_text("Anna X-PER\n", encoding="utf-8")
    assert read_source("data", split="train", repair=True).repairs


@pytest.mark.parametrize(
    ("split", "name"),
    [
        ("train", "train.iob2"),
        ("train", "eng.train"),
        ("dev", "dev.tsv"),
        ("dev", "validation.txt"),
        ("dev", "eng.testa"),
        ("dev", "testa.txt"),
        ("test", "test.iob"),
        ("test", "eng.testb"),
        ("test", "testb.conll"),
    ],
)
def test_find_split_knows_name(tmp_path, split, name):
    (tmp_path / name).touch()
    (tmp_path / "README.md").touch()
    assert find_split(tmp_path, split) == tmp_path / name


def test_find_split_refuses_two_files(tmp_path):
    (tmp_path / "dev.txt").touch()
    (tmp_path / "eng.testa").touch()
    with pytest.raises(
        CorpusError, match=r"2 files for the split dev: dev.txt, eng.testa. Looked for dev\.\*, valid"
    ):
        find_split(tmp_path, "dev")


def test_find_split_says_what_it_looked_for_and_what_is_there(tmp_path):
    (tmp_path / "corpus.txt").touch()
    (tmp_path / "articles").mkdir()
    match = (
        r"no file for the split test. Looked for test\.\*, testb\.\* .*eng.testb; the folder has corpus.txt\."
    )
    with pytest.raises(CorpusError, match=match):
        find_split(tmp_path, "test")


def test_find_split_says_that_a_folder_is_empty(tmp_path):
    with pytest.raises(CorpusError, match="the folder has none"):
        find_split(tmp_path, "test")


@pytest.mark.parametrize("source", ["data", "owner/name"])
def test_read_source_needs_a_split(folder, source):
    with pytest.raises(CorpusError, match=r"which split\? Got None, expected train, dev, test: .*--split"):
        read_source(source)


def test_read_source_asks_the_hub(folder, hub_calls):
    read_source("owner/name", split="dev", revision="v2")
    assert hub_calls == [("owner/name", {"split": "dev", "revision": "v2", "repair": False})]


def test_read_source_prefers_a_folder_to_the_hub(folder, hub_calls):
    (folder / "deep").mkdir()
    (folder / "deep" / "train.txt").write_text("Riga B-LOC\n", encoding="utf-8")
    assert first_word(read_source("data/deep", split="train")) == "Riga"
    assert not hub_calls


@pytest.mark.parametrize("source", ["data/missing", "owner/train.txt", "missing", "a/b/c", "./name"])
def test_read_source_refuses_a_missing_path(folder, hub_calls, source):
    with pytest.raises(CorpusError, match=r"no such file or folder. Expected a CoNLL file, .*\(owner/name\)"):
        read_source(source, split="train")
    assert not hub_calls


def test_read_source_follows_a_config_from_the_current_folder(folder, tmp_path):
    configs = tmp_path / "configs"
    configs.mkdir()
    path = write_config(configs, 'source = "data"')
    assert first_word(read_source(str(path), split="train")) == "Anna"


@pytest.mark.parametrize(
    ("paths", "option", "revision"),
    [
        ('source = "owner/name"', None, None),
        ('source = "owner/name"\nsource_revision = null', None, None),
        ('source = "owner/name"\nsource_revision = "v1"', None, "v1"),
        ('source = "owner/name"\nsource_revision = "v1"', "v2", "v2"),
    ],
)
def test_read_source_takes_the_revision_of_a_config(folder, tmp_path, hub_calls, paths, option, revision):
    read_source(str(write_config(tmp_path, paths)), split="train", revision=option)
    assert hub_calls[0][1]["revision"] == revision


@pytest.mark.parametrize(
    "paths", ["source = null", "train = 1", "source = 3", 'source = ""', 'source = "${a.b}"']
)
def test_read_source_refuses_a_config_without_a_source(folder, tmp_path, paths):
    with pytest.raises(CorpusError, match=r"mini.cfg: \[paths\] source is .*Expected a CoNLL file"):
        read_source(str(write_config(tmp_path, paths)), split="train")


def test_read_source_refuses_a_revision_that_is_no_string(folder, tmp_path):
    path = write_config(tmp_path, 'source = "owner/name"\nsource_revision = 3')
    with pytest.raises(
        CorpusError, match=r"\[paths\] source_revision is 3. Expected a branch, tag or commit"
    ):
        read_source(str(path), split="train")


def test_read_source_refuses_a_config_that_names_a_config(folder, tmp_path):
    with pytest.raises(CorpusError, match=r"\[paths\] source is another config, other.cfg"):
        read_source(str(write_config(tmp_path, 'source = "other.cfg"')), split="train")


def test_read_source_refuses_a_missing_config(folder):
    with pytest.raises(CorpusError, match=r"missing.cfg: no such config file"):
        read_source("missing.cfg", split="train")


def test_read_source_refuses_a_broken_config(folder, tmp_path):
    (tmp_path / "broken.cfg").write_text("[paths\n", encoding="utf-8")
    with pytest.raises(CorpusError, match=r"broken.cfg: not a config that spaCy can read"):
        read_source("broken.cfg", split="train")
