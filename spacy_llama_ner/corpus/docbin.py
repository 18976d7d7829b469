"""Make spaCy Docs and DocBins of a corpus."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from spacy.tokens import Doc, DocBin
from spacy.vocab import Vocab

from spacy_llama_ner.corpus.article import Corpus, CorpusError, Sentence
from spacy_llama_ner.corpus.spacing import SPACINGS, natural_spaces, plain_spaces
from spacy_llama_ner.replacement import write_whole

UNITS = ("sentence", "article")
CHUNK_TAGS = "chunk_tags"
# Without HEAD and DEP: where both are stored, spaCy may derive sentence starts from them.
_ATTRS = ("ENT_IOB", "ENT_TYPE", "SENT_START", "TAG")


def corpus_to_docs(
    corpus: Corpus, vocab: Vocab, *, unit: str = "sentence", spacing: str = "natural"
) -> Iterator[Doc]:
    """Make Docs.

    Each token is known to be in an entity or outside; sentence starts are set; parts of speech are in
    `token.tag_`, chunk tags as the source wrote them in `doc.user_data["chunk_tags"]`, one a token. (Not as
    spans: spaCy looks up all its entry points for each Doc with a span group that it writes or reads, 10 s
    more for CoNLL-2003's training sentences.)

    corpus (Corpus): What was read.
    vocab (Vocab): The vocabulary the Docs share.
    unit (str): "sentence" or "article": what makes one Doc.
    spacing (str): "natural" or "plain", see `spacing`.
    RETURNS (Iterator[Doc]): The Docs, in the order of the source.
    RAISES (CorpusError): If unit or spacing is unknown; if the unit is an article and the source has none.
    """
    if unit not in UNITS:
        raise CorpusError(f"Unknown unit {unit!r}. Expected one of: {', '.join(UNITS)}.")
    if spacing not in SPACINGS:
        raise CorpusError(f"Unknown spacing {spacing!r}. Expected one of: {', '.join(SPACINGS)}.")
    if unit == "article" and not corpus.has_articles:
        raise CorpusError(
            "The source does not say where its articles begin: it has no -DOCSTART-. Convert with --unit "
            "sentence, or take a source with article boundaries."
        )
    natural = spacing == "natural"
    if unit == "sentence":
        return (_make_doc([sentence], vocab, natural=natural) for sentence in corpus.sentences)
    return (_make_doc(article.sentences, vocab, natural=natural) for article in corpus.articles)


def write_docbin(docs: Iterable[Doc], path: Path) -> int:
    """Write Docs as a DocBin, creating its folder. The same Docs make the same bytes in every process.

    docs (Iterable[Doc]): The Docs.
    path (Path): The file, by custom *.spacy.
    RETURNS (int): How many Docs were written.
    """
    docbin = DocBin(attrs=_ATTRS, docs=docs, store_user_data=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, docbin.to_bytes())
    return len(docbin)


def _make_doc(sentences: Sequence[Sentence], vocab: Vocab, *, natural: bool) -> Doc:
    words: list[str] = []
    spaces: list[bool] = []
    tags: list[str] = []
    starts: list[bool | int | None] = []
    pos: list[str] = []
    chunks: list[str] = []
    for sentence in sentences:
        if spaces:
            spaces[-1] = True
        words += sentence.words
        spaces += natural_spaces(sentence.words) if natural else plain_spaces(sentence.words)
        tags += sentence.tags
        starts += [True] + [False] * (len(sentence.words) - 1)
        blank = ("_",) * len(sentence.words)
        pos += ("" if tag == "_" else tag for tag in sentence.pos or blank)
        chunks += ("" if tag == "_" else tag for tag in sentence.chunk or blank)
    doc = Doc(
        vocab, words=words, spaces=spaces, tags=pos if any(pos) else None, sent_starts=starts, ents=tags
    )
    if any(chunks):
        doc.user_data[CHUNK_TAGS] = tuple(chunks)  # as msgpack gives it back
    return doc
