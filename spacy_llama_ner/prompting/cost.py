"""What calls cost. Prices change and differ by contract: they are the user's to give, else a cost is unknown."""

import re
from dataclasses import dataclass

# English text has about 4 characters a token in the vendors' tokenizers (OpenAI help centre, "What are tokens and how
# to count them?"); rounded down, so that an estimate is rather too high, and in bytes: other scripts take more.
BYTES_PER_TOKEN = 3.5


@dataclass(frozen=True)
class Price:
    """US dollars for a million tokens of each direction."""

    input: float
    output: float

    def cost(self, input_tokens: int, output_tokens: int) -> float:
        """RETURNS (float): US dollars."""
        return (input_tokens * self.input + output_tokens * self.output) / 1e6


def parse_price(text: str | None) -> Price | None:
    """Read "INPUT/OUTPUT".

    text (str | None): Such as "3/15".
    RETURNS (Price | None): None without a text.
    RAISES (ValueError): If it is not of that form.
    """
    if text is None:
        return None
    match = re.fullmatch(r"(\d+(?:\.\d+)?)/(\d+(?:\.\d+)?)", text.strip())
    if match is None:
        raise ValueError(
            f"--price {text!r}: expected US dollars for a million tokens read and written, such as 3/15."
        )
    return Price(float(match[1]), float(match[2]))


def estimate_tokens(text: str) -> int:
    """Estimate from the length.

    text (str): Any.
    RETURNS (int): At least 1.
    """
    return max(1, round(len(text.encode()) / BYTES_PER_TOKEN))
