"""Find the temperature that makes scores likely: one number, so that it cannot overfit."""

import logging
from collections.abc import Callable

import numpy as np

from spacy_llama_ner.calibration.reliability import log_loss

logger = logging.getLogger("spacy_llama_ner")

BOUNDS = (0.05, 20.0)
GRID = 13
MIN_ENTITIES = 50
# A fit that ends within 1% of a bound would have gone on.
_AT_BOUND = 0.01


class CannotFitError(ValueError):
    """There is too little to fit a temperature on."""


def fit_temperature(scores_at: Callable[[float], np.ndarray], right: np.ndarray) -> float:
    """Minimize the mean log loss of the predicted entities' scores.

    scores_at (Callable): Gives the scores at a temperature: float64, shape (N,), from 0 to 1.
    right (ndarray): Bool, shape (N,): whether each entity is right.
    RETURNS (float): From 0.05 to 20, with four decimals; 1 if nothing is better.
    RAISES (CannotFitError): If there are fewer than 50 entities, or all are right, or wrong.
    Source: Guo et al. (2017), On Calibration of Modern Neural Networks, 4.2.
    """
    from scipy.optimize import minimize_scalar

    _check_enough(right)

    def loss(log_temperature: float) -> float:
        return log_loss(scores_at(float(np.exp(log_temperature))), right)

    # Where all scores are 0 or 1 in float64 the loss is flat, so a search over the whole range may go astray.
    grid = np.log(np.geomspace(*BOUNDS, GRID))
    best = int(np.argmin([loss(x) for x in grid]))
    bounds = grid[max(best - 1, 0)], grid[min(best + 1, GRID - 1)]
    found = minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-3})
    if found.fun >= loss(0.0):
        return 1.0
    if min(found.x - grid[0], grid[-1] - found.x) < _AT_BOUND:
        logger.warning(
            "The best temperature is at the edge of the range from %g to %g: the scores are far from probabilities, "
            "or the corpus is not like what the pipeline was trained on.",
            *BOUNDS,
        )
    return round(float(np.exp(found.x)), 4)


def _check_enough(right: np.ndarray) -> None:
    if len(right) < MIN_ENTITIES:
        raise CannotFitError(
            f"The pipeline predicts {len(right)} entities, which is too few to fit a temperature: expected at least "
            f"{MIN_ENTITIES}. Use a larger corpus."
        )
    if right.all() or not right.any():
        raise CannotFitError(
            f"All {len(right):,} predicted entities are {'right' if right.all() else 'wrong'}: a temperature cannot be "
            "fitted. Use a corpus that was not trained on, annotated with the pipeline's labels."
        )
