"""In which order tests begin where several workers run them: those that take longest come first.

A test that starts programs waits for them most of its time. If many of them ran at a time, or one
began last, the whole run would wait for them with idle cores; so they begin first, and what is left
for the end keeps all cores busy. A test that computes keeps a core busy from the beginning: it
runs beside those that wait. pytest-xdist gives each worker an equal part of the tests, in their
order: some parts begin with long tests that compute, one for each core, and the others with long
tests that wait.
"""

from collections.abc import Sequence
from functools import cache
from types import ModuleType
from typing import TypeVar

import pytest

Item = TypeVar("Item")
Groups = Sequence[tuple[float, list[Item]]]
"""Tests that stay together, each group with its seconds."""


STARTS_PROGRAMS = "exporter_process"
"""What a module of tests that start programs takes something from."""

SECONDS_OF_A_PROGRAM = 2.0
"""What such a test takes if it is not marked, about."""


def parts_of(count: int, workers: int) -> list[int]:
    """How many of so many tests each worker gets, as ``--dist worksteal`` deals them."""
    sizes = []
    for left in range(workers, 0, -1):
        sizes.append(count // left)
        count -= sizes[-1]
    return sizes


def dealt(
    waiting: Groups[Item], computing: Groups[Item], rest: list[Item], workers: int, cores: int
) -> list[list[Item]]:
    """Deal tests to workers: long ones by their seconds, then the others.

    Args:
        waiting: long tests that wait for other processes.
        computing: long tests that keep a core busy.
        rest: all other tests.
        workers: how many parts there are.
        cores: how many tests can compute at a time.

    Returns:
        the part of each worker.
    """
    parts: list[list[Item]] = [[] for _ in range(workers)]
    computers = min(cores, workers - 1)
    _deal(waiting, parts[computers:])
    _deal(computing, parts[:computers] or parts)
    sizes = parts_of(sum(map(len, parts)) + len(rest), workers)
    left = list(rest)
    for part, size in zip(parts, sizes, strict=True):
        more = max(0, size - len(part))
        part += left[:more]
        del left[:more]
    parts[-1] += left
    return parts


def _deal(groups: Groups[Item], parts: list[list[Item]]) -> None:
    """Give each part groups of about the same time, the longest first."""
    seconds = [0.0] * len(parts)
    for takes, group in sorted(groups, key=lambda each: -each[0]):
        least = seconds.index(min(seconds))
        parts[least] += group
        seconds[least] += takes


def in_order(items: list[pytest.Item], workers: int, cores: int) -> list[pytest.Item]:
    """Put the tests that are marked ``long`` first in the part of a worker, then those of programs.

    A module that is marked as a whole stays together: its tests share what takes long. So do the
    tests of a module that start programs and are not marked.
    """
    groups: dict[bool, dict[str, tuple[float, list[pytest.Item]]]] = {True: {}, False: {}}
    programs: dict[str, list[pytest.Item]] = {}
    rest = []
    for item in items:
        mark = item.get_closest_marker("long")
        module = item.getparent(pytest.Module)
        assert module is not None
        if mark is None:
            if starts_programs(module.obj):
                programs.setdefault(module.nodeid, []).append(item)
            else:
                rest.append(item)
            continue
        name = module.nodeid if mark in module.own_markers else item.nodeid
        of_its_kind = groups[mark.kwargs.get("computes", False)]
        of_its_kind.setdefault(name, (mark.args[0], []))[1].append(item)
    waiting, computing = ([*groups[computes].values()] for computes in (False, True))
    waiting += [(len(tests) * SECONDS_OF_A_PROGRAM, tests) for tests in programs.values()]
    return [item for part in dealt(waiting, computing, rest, workers, cores) for item in part]


@cache
def starts_programs(module: ModuleType) -> bool:
    """Whether tests of a module start programs, by what it imports."""
    return any(
        getattr(value, "__module__", None) == STARTS_PROGRAMS for value in vars(module).values()
    )
