"""Counting in whole inputs, on all cores where they are large."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial

from exporter.matching.engine import Engine
from exporter.model import Rule
from exporter.workbench.inputs import Input, Part, lines_before, parts_of, pieces_of
from exporter.workbench.newlines import lines_in
from exporter.workbench.processes import run_together
from exporter.workbench.stopwatch import Stopwatch
from exporter.workbench.tally import Counting, Tally

_PART_BYTES = 16 << 20
"""For less than that a process is not worth its start."""

_BEFORE_BYTES = 1 << 16
"""How much before a part is looked at for events that continue in it."""

Notice = Callable[[int], None]
"""Called with about how many bytes were read since the last call."""


def size_of_inputs(logs: Iterable[Input]) -> int | None:
    """How many bytes there are to read in all; None where one of the inputs does not know."""
    sizes = [log.whole.size if log.whole else 0 for log in logs]
    return sum(sizes) if all(sizes) else None


def count_inputs(
    engine: Engine,
    rules: Sequence[Rule],
    logs: Iterable[Input],
    stopwatch: Stopwatch,
    *,
    processes: int,
    notice: Notice,
) -> Tally:
    """Count in one input after the other; the lines of those with places are counted elsewhere.

    Args:
        engine: has ``matches.rules_of`` the rules, watched by ``stopwatch``.
        rules: the rules.
        logs: the inputs, open.
        processes: how many may work at a time.
        notice: hears of what the first of them has read, as if the others were as fast.
    """
    tally = Tally()
    for log in logs:
        parts: Sequence[Part | None] = parts_of(log, processes, _PART_BYTES) or [None]
        notices: list[Notice] = [partial(_notice_times, notice, len(parts))]
        notices += [_ignore] * (len(parts) - 1)
        tasks = [
            partial(_count_part, engine, rules, log, part, stopwatch, told)
            for part, told in zip(parts, notices, strict=True)
        ]
        for found in run_together(tasks):
            tally.add(found)
    return tally


def _notice_times(notice: Notice, times: int, read: int) -> None:
    notice(read * times)


def _ignore(read: int) -> None:
    """For processes that nobody sees."""


def _count_part(
    engine: Engine,
    rules: Sequence[Rule],
    log: Input,
    part: Part | None,
    stopwatch: Stopwatch,
    notice: Notice,
) -> Tally:
    tally = Tally()
    counting = Counting(engine, rules, tally)
    if part is not None and (before := lines_before(log, part, _BEFORE_BYTES)) is not None:
        counting.matches.warm_up(before)
        stopwatch.take()
    for piece in pieces_of(log, part):
        if part is None:
            tally.lines += lines_in(piece)
        counting.count(piece)
        notice(piece.size)
    counting.end()
    tally.costs = stopwatch.take()[: len(rules)]
    return tally
