"""What every command shares: the printer, and one clear message where a user's input is wrong."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from wasabi import Printer

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
