"""Measured time: cases that take turns, so that a busy moment of the machine meets all of them.

What a subject prints are medians after a first round that does not count.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from time import perf_counter

Run = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Case:
    """One way to do the work.

    Args:
        name: what the table calls it.
        prepare: makes what one run needs, and gives that run; only the run is timed.
    """

    name: str
    prepare: Callable[[], Run]


def median_seconds(
    cases: Sequence[Case], rounds: int, clock: Callable[[], float] = perf_counter
) -> dict[str, float]:
    """The median seconds of each case, by name, over ``rounds`` rounds after a warm-up.

    Args:
        clock: ``time.thread_time`` for work of one thread that waits for nothing, since it stands
            still while the machine does other work.
    """
    seconds: dict[str, list[float]] = {case.name: [] for case in cases}
    for _ in range(1 + rounds):
        for case in cases:
            seconds[case.name].append(_seconds(case.prepare(), clock))
    return {name: median(taken[1:]) for name, taken in seconds.items()}


def _seconds(run: Run, clock: Callable[[], float]) -> float:
    start = clock()
    run()
    return clock() - start
