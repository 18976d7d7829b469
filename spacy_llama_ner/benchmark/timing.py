"""Time jobs in turns: a machine's speed changes over minutes, and what runs second may find warmer caches."""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence


def time_in_turns(
    jobs: Mapping[str, Callable[[], object]],
    *,
    rounds: int,
    warm_up: int = 1,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, list[float]]:
    """Run jobs in turns, in an order that moves on by one each round.

    jobs (Mapping[str, Callable]): By name; each does the same work in its own way.
    rounds (int): Rounds that count, 1 or more.
    warm_up (int): Rounds before them that do not.
    clock (Callable): Gives seconds. `time.process_time` leaves out what other jobs on the machine cost; it is right for
        one thread alone.
    RETURNS (dict[str, list[float]]): Seconds of each round, by name.
    """
    names = list(jobs)
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for number in range(-warm_up, rounds):
        for place in range(len(names)):
            name = names[(number + place) % len(names)]
            start = clock()
            jobs[name]()
            if number >= 0:
                seconds[name].append(clock() - start)
    return seconds


def ratio(slower: Sequence[float], faster: Sequence[float]) -> float:
    """Compare two jobs that took turns.

    slower (Sequence[float]): Seconds of each round.
    faster (Sequence[float]): Those of the other in the same rounds.
    RETURNS (float): How many times as fast the second one is: the median over the rounds.
    """
    return statistics.median(one / other for one, other in zip(slower, faster, strict=True))
