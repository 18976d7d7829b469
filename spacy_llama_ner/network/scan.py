"""Run a recursion over time: step by step, or for long rows in blocks that run side by side.

A block's effect on any state is a matrix of K columns, one for each tag it may start from (an associative scan in two
levels). So: the matrices of all blocks side by side, then block after block, then the states within all blocks side by
side: about 3 sqrt(T) steps rather than T.
Source: Särkkä & García-Fernández (2021), Temporal Parallelization of Bayesian Smoothers; Hassan et al. (2021), Temporal
    Parallelization of Inference in Hidden Markov Models.
"""

import math

import numpy as np

from spacy_llama_ner.network.chain import IMPOSSIBLE, FloatArray
from spacy_llama_ner.network.semirings import Semiring

# Blocks do K times the arithmetic, in fewer steps: below so many tokens they gain nothing, whatever is computed.
BLOCKS_FROM_TOKENS = 256


def block_length(shape: tuple[int, ...], *, most: int) -> int:
    """Choose how a recursion runs.

    shape (tuple[int, ...]): (T, K, C), of the emissions.
    most (int): Rows times tags^3 up to which blocks are faster.
    RETURNS (int): Tokens in a block, or 0: step by step.
    """
    n_tokens, n_tags, n_rows = shape
    return math.isqrt(n_tokens) if n_tokens >= BLOCKS_FROM_TOKENS and n_rows * n_tags**3 <= most else 0


def scan(
    semiring: Semiring, first: FloatArray, emissions: FloatArray, *, block: int = 0
) -> tuple[FloatArray, FloatArray]:
    """Run a recursion over all tokens.

    semiring (Semiring): What to compute with.
    first (FloatArray): Shape (..., K, C): scores of each tag at the first token, its emission included, in nats.
    emissions (FloatArray): Shape (T - 1, ..., K, C): those of the other tokens, as the semiring has them.
    block (int): Tokens in a block, or 0: step by step.
    RETURNS (tuple[FloatArray, FloatArray]): States (T, ..., K, C), as the semiring has them, and scales (T, ..., 1, C)
        in nats: the true state is the state plus (in nats) the sum of the scales up to it.
    """
    largest = _largest(semiring, first)
    first = first - largest
    if block:
        states, scales = _scan_blocks(semiring, first, emissions, block)
    else:
        states, scales = _scan_steps(semiring, semiring.begin(first), emissions)
    scales[0] = largest
    return states, scales


def _scan_steps(
    semiring: Semiring, first: FloatArray, emissions: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Like `scan`, with `first` as the semiring has it, and settled."""
    states = np.empty((len(emissions) + 1, *first.shape))
    scales = np.full((len(states), *first.shape[:-2], 1, first.shape[-1]), semiring.one)
    states[0] = first
    n_steps = len(emissions)
    spread, absorb, settle, every = semiring.spread, semiring.absorb, semiring.settle, semiring.every
    for step, emission in enumerate(emissions, start=1):
        state = states[step]
        spread(states[step - 1], state)
        absorb(state, emission)
        # After the last step too: the next block starts settled.
        if every and (step % every == 0 or step == n_steps):
            settle(state, scales[step])
    return states, scales if semiring.one == 0.0 else np.log(scales)


def _scan_blocks(
    semiring: Semiring, first: FloatArray, emissions: FloatArray, length: int
) -> tuple[FloatArray, FloatArray]:
    """Like `scan`, with `first` settled."""
    n_rows = first.shape[-1]
    n_steps, n_blocks = len(emissions), math.ceil(len(emissions) / length)
    padded = np.full((n_blocks * length, *first.shape), semiring.one)
    padded[:n_steps] = emissions
    blocked = padded.reshape(n_blocks, length, *first.shape)
    blocked = np.moveaxis(blocked, 0, -1).reshape(length, *first.shape[:-1], n_rows * n_blocks)

    starts = semiring.begin(_chain(semiring, first, _products(semiring, blocked, n_rows)))
    states, scales = _scan_steps(semiring, starts, blocked)

    def in_order(values: FloatArray) -> FloatArray:
        """Bring (length + 1, ..., C * B) to (T, ..., C): each block without its start, which ends the one before."""
        values = values[1:].reshape(length, *values.shape[1:-1], n_rows, n_blocks)
        values = np.moveaxis(values, -1, 0)
        return values.reshape(-1, *values.shape[2:])[:n_steps]

    return (
        np.concatenate([semiring.begin(first)[None], in_order(states)]),
        np.concatenate([np.zeros((1, *scales.shape[1:-1], n_rows)), in_order(scales)]),
    )


def _products(semiring: Semiring, emissions: FloatArray, n_rows: int) -> FloatArray:
    """Multiply the steps of each block.

    emissions (FloatArray): Shape (length, ..., K, C * B), as the semiring has them.
    RETURNS (FloatArray): Shape (B, ..., to, from, C), in nats.
    """
    *others, n_tags, width = emissions.shape[1:]
    shape = (*others, n_tags, n_tags, width)  # (..., to, from, C * B)
    tags = np.arange(n_tags)
    state, following = np.full(shape, semiring.zero), np.empty(shape)
    state[..., tags, tags, :] = semiring.one
    scale, total = np.empty((*others, 1, n_tags * width)), np.zeros((*others, 1, n_tags, width))
    flat = (*others, n_tags, n_tags * width)
    for step, emission in enumerate(emissions, start=1):
        semiring.spread(state.reshape(flat), following.reshape(flat))
        semiring.absorb(following, emission[..., None, :])
        if semiring.every and step % semiring.every == 0:
            semiring.settle(following.reshape(flat), scale)
            total += (scale if semiring.one == 0.0 else np.log(scale)).reshape(total.shape)
        state, following = following, state
    products = (semiring.leave(state) + total).reshape(*shape[:-1], n_rows, -1)
    return np.ascontiguousarray(np.moveaxis(products, -1, 0))


def _chain(semiring: Semiring, first: FloatArray, products: FloatArray) -> FloatArray:
    """Run over the blocks.

    first (FloatArray): Shape (..., K, C), in nats.
    products (FloatArray): Shape (B, ..., to, from, C), in nats.
    RETURNS (FloatArray): Shape (..., K, C * B): the state before each block, in nats, with a maximum of 0 unless the
        semiring does without scales.
    """
    starts = np.empty((*first.shape, len(products)))
    state = first
    for index, product in enumerate(products):
        state = state - _largest(semiring, state)
        starts[..., index] = state
        state = semiring.join(state, product)
    return starts.reshape(*first.shape[:-1], -1)


def _largest(semiring: Semiring, state: FloatArray) -> FloatArray:
    """RETURNS (FloatArray): Shape (..., 1, C): what settles states (..., K, C), in nats; 0 if nothing has to."""
    if not semiring.every:
        return np.zeros_like(state[..., :1, :])
    largest = state.max(axis=-2, keepdims=True)
    return np.where(largest > IMPOSSIBLE, largest, 0.0)  # what is impossible has to stay so
