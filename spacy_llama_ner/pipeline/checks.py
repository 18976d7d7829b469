"""Checks of what a user gives the component; each says what is wrong and how to mend it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from spacy_llama_ner.network.types import check_number

if TYPE_CHECKING:
    from spacy_llama_ner.network.loss import CompoundLoss


def check_labels(name: str, labels: Sequence[str]) -> None:
    """Refuse a list that cannot be meant, before anything is changed.

    name (str): The component's name.
    labels (Sequence[str]): Entity labels, from `[initialize]`.
    RAISES (ValueError): If there are none, one is there twice, or they are tags.
    """
    place = f"{name}: labels under [initialize.components.{name}]"
    if not labels:
        raise ValueError(f"{place} is an empty list; name the labels, or remove it to collect them")
    if repeated := sorted({label for label in labels if list(labels).count(label) > 1}):
        raise ValueError(f"{place} has {', '.join(repeated)} more than once; name each label once")
    tags = [label for label in labels if label[:2] == "B-" and f"I-{label[2:]}" in labels]
    if tags:
        raise ValueError(
            f"{place} has tags, such as {tags[0]} and I-{tags[0][2:]}; name the entity labels alone: "
            f"{', '.join(tag[2:] for tag in tags)}"
        )


def check_loss(name: str, loss: "CompoundLoss", *, use_crf: bool) -> None:
    """Refuse a loss that does not train what decodes.

    name (str): The component's name.
    loss (CompoundLoss): Its loss.
    use_crf (bool): Whether its CRF has weights.
    RAISES (ValueError): If the loss leaves out what decodes.
    """
    if use_crf and loss.crf_weight == 0:
        raise ValueError(
            f"{name}: use_crf = true with crf_weight = 0 would decode with transitions that nothing "
            "trains. Set crf_weight above 0, or use_crf = false"
        )
    if not use_crf and loss.cross_entropy_weight == loss.label_smoothing_weight == 0:
        raise ValueError(
            f"{name}: use_crf = false with cross_entropy_weight = label_smoothing_weight = 0 would train "
            "nothing. Set one of them above 0, or use_crf = true"
        )


def check_temperature(value: Any) -> float:
    """Check a temperature. Far smaller or larger ones would take the CRF's sums out of range.

    value (Any): The temperature.
    RETURNS (float): The same.
    RAISES (ValueError): If it is no number from 0.001 to 1000.
    """
    check_number("temperature", value)
    if not 1e-3 <= value <= 1e3:  # so that nan is refused, too
        raise ValueError(f"temperature: expected a number from 0.001 to 1000, got {value}")
    return float(value)
