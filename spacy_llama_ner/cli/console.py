"""What every command shares: the printer, and one clear message where a user's input is wrong."""

import logging
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from wasabi import Printer

if TYPE_CHECKING:
    from spacy_llama_ner.evaluation.tables import Table

logger = logging.getLogger(__name__)

msg = Printer()


@contextmanager
def user_errors(title: str) -> Iterator[None]:
    """Turn an error about input, files or tools into one message and exit status 1.

    title (str): What did not work, such as "Evaluation failed".

    Other errors are defects of ours and keep their traceback. The level DEBUG of logging shows those hidden
    here.
    """
    from spacy_llama_ner.release.errors import ReleaseError

    try:
        yield
    except (OSError, ValueError, ReleaseError) as e:
        logger.debug("%s", title, exc_info=True)
        msg.fail(title)
        # Not through the printer: it joins the lines of a tool's output into one paragraph.
        print(e)
        sys.exit(1)


def show_tables(tables: Iterable["Table"]) -> None:
    """Print tables, each under its title and with its notes below.

    tables (Iterable[Table]): The first column is text, the others are figures.
    """
    for table in tables:
        msg.divider(table.title)
        aligns = ("l", *("r",) * (len(table.header) - 1))
        header = table.header if any(table.header) else None
        msg.table(table.rows, header=header, aligns=aligns, divider=True, max_col=50)
        for note in table.notes:
            msg.text(note)
