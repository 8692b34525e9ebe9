"""Why a container ended, from the last lines that it wrote.

``logs`` finds the end of a container in the RUN_RESTARTED log and asks here for the value of the
label ``reason``.
"""

from collections.abc import Iterator, Sequence

import re2

from exporter.logs.restarts.restart_marks import CHILD, ECHO, MARKS, PROBE, SENDS, STACK_LINE, Mark
from exporter.model import RestartReason

_REACH = 15
"""How many lines before the last one may still explain the end, those of stacks not counted."""


_COMPILED = tuple(
    (mark, re2.compile(mark.regex), re2.compile(mark.exclude_regex) if mark.exclude_regex else None)
    for mark in MARKS
)
_STACK_LINE = re2.compile(STACK_LINE)
_CHILD = re2.compile(CHILD)
_SENDS = re2.compile(SENDS)
_ECHO = re2.compile(ECHO)


def restart_reason(last_words: Sequence[bytes]) -> RestartReason:
    """Return why a container ended that wrote ``last_words``, its last messages in order.

    Only the end counts: the last 15 lines, not counting those of stacks, so that what happened
    long before and was survived is no reason. Each line says one thing at most, the first of this
    list that it fits; of all that was said the heaviest wins, and of equals the latest:

    1. a cause: ``out_of_memory``, ``port_in_use``, ``missing_module``, ``configuration``. It
       wins over the crash that it led to, so ModuleNotFoundError in a traceback is a missing
       module and a Go panic without memory is out of memory;
    2. ``health_check``: it wins over the SIGTERM that follows;
    3. ``panic``, a request to end (``signal``: SIGTERM, SIGINT), ``exception``;
    4. death by another ``signal``: SIGABRT after a panic or an uncaught exception is its echo;
    5. ``exit``: the program, or what started it, says that it ends.

    A request to end and exit code 0 close the account: whatever was logged before was survived,
    but for a health check that failed, which is why platforms ask. ``shutting down gracefully``
    closes it too, unless the exception stands right before: then it is why the program ended.

    What a supervisor says of its children is no end of the container's own, and neither is what
    ends because a supervisor asked for it: the crash before it is the reason.

    Nothing of it is ``unknown``. "Killed" alone and exit code 137 are taken for the kernel's
    out-of-memory killer, which is what ends containers so.
    """
    heaviest: Mark | None = None
    orderly = closed = False
    for line in _without_children(list(_end(last_words))):
        mark = _mark(line)
        if mark is None:
            closed = closed or (orderly and not _is_stack(line))
            continue
        heavier = heaviest is None or mark.weight > heaviest.weight
        if heavier and (mark.closing or mark.weight == PROBE or not closed):
            heaviest = mark
        orderly = orderly or mark.orderly
        closed = closed or mark.closing
    return RestartReason.UNKNOWN if heaviest is None else heaviest.reason


def _is_stack(line: bytes) -> bool:
    return _STACK_LINE.search(line) is not None


def _end(last_words: Sequence[bytes]) -> Iterator[bytes]:
    """Yield the lines that count, the last one first."""
    told = 0
    for line in reversed(last_words):
        yield line
        if not _is_stack(line):
            told += 1
        if told == _REACH:
            return


def _without_children(lines: Sequence[bytes]) -> Iterator[bytes]:
    """Yield the lines that are not about children of a supervisor.

    Args:
        lines: the last one first.
    """
    requests = sum(_SENDS.search(line) is not None for line in lines)
    for line in lines:
        if _SENDS.search(line) is not None:
            requests -= 1
        elif not (requests and _ECHO.search(line)) and _CHILD.search(line) is None:
            yield line


def _mark(line: bytes) -> Mark | None:
    for mark, regex, exclude in _COMPILED:
        if regex.search(line) is not None and (exclude is None or exclude.search(line) is None):
            return mark
    return None
