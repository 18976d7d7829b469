"""All that a pretraining run depends on."""

from dataclasses import dataclass, field

from spacy_llama_ner.pretraining.model import Shape
from spacy_llama_ner.pretraining.training import Schedule


@dataclass(frozen=True)
class Settings:
    """What a run depends on, but for the content of the texts.

    texts (Tuple[str, ...]): JSON-lines files.
    init_from (Optional[str]): A folder with a Llama to train on, with its tokenizer; None to begin anew.
    shape (Optional[Shape]): Of a new Llama and its tokenizer; None with `init_from`.
    row_length (int): Pieces of a training row.
    validation_share (float): Share of the documents kept for validation.
    schedule (Schedule): How long and how fast.
    """

    texts: tuple[str, ...]
    init_from: str | None = None
    shape: Shape | None = None
    row_length: int = 256
    validation_share: float = 0.005
    schedule: Schedule = field(default_factory=Schedule)

    def __post_init__(self) -> None:
        if self.init_from is None and self.shape is None:
            raise ValueError("expected the shape of a new Llama, or init_from for one to train on")
        if self.init_from is not None and self.shape is not None:
            raise ValueError(
                f"sizes and vocabulary belong to a new Llama; the one of {self.init_from} has its own. Leave them out"
            )
        if self.row_length < 2:
            raise ValueError(f"row_length is {self.row_length}; expected at least 2 pieces")
        if not 0 < self.validation_share < 1:
            raise ValueError(f"validation_share is {self.validation_share}; expected a share between 0 and 1")
        if self.shape is not None and self.row_length > self.shape.max_position_embeddings:
            raise ValueError(
                f"row_length {self.row_length} is more than max_position_embeddings "
                f"{self.shape.max_position_embeddings}; make rows shorter"
            )
